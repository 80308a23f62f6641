/** Picks: a session, and a runtime with an engine, from what the daemon says there is. */
import * as vscode from "vscode";
import type { DaemonClient } from "../daemon/client";
import type { EngineInfo, RuntimeInfo, SessionWish } from "../shapes";
import type { SessionStore } from "./store";

interface Item<T> extends vscode.QuickPickItem {
  readonly value: T;
}

/** Asks where sessions are to run and in which language; nothing when the person changes their mind. */
export async function chooseWish(client: DaemonClient): Promise<SessionWish | undefined> {
  const [{ runtimes }, { engines }] = await Promise.all([client.call("runtime/list", {}), client.call("engine/list", {})]);
  const best: Item<RuntimeInfo | undefined> = {
    label: "$(beaker) The best there is",
    description: "the daemon chooses",
    value: undefined,
  };
  const runtime = await vscode.window.showQuickPick([best, ...runtimes.map(runtimeItem)], {
    title: "Where are programs to run?",
    matchOnDescription: true,
  });
  if (runtime === undefined) return undefined;
  const chosen = runtime.value;
  if (chosen?.available === false) {
    await vscode.window.showWarningMessage(`${chosen.id} can't be used: ${chosen.reason ?? "no reason was given"}`, {
      modal: true,
      ...(chosen.hint === undefined ? {} : { detail: chosen.hint }),
    });
    return undefined;
  }
  const fitting = engines.filter((engine) => chosen === undefined || !engine.available || engine.runtimes.includes(chosen.id));
  const any: Item<EngineInfo | undefined> = { label: "$(code) Any language", value: undefined };
  const engine = await vscode.window.showQuickPick([any, ...fitting.filter((one) => one.available).map(engineItem)], {
    title: "Which engine?",
    matchOnDescription: true,
  });
  if (engine === undefined) return undefined;
  const language = engine.value?.languages[0];
  return { ...(chosen === undefined ? {} : { runtime: chosen.id }), ...(language === undefined ? {} : { language }) };
}

/** Asks for one of the open sessions; the only one is not asked for. */
export async function chooseSession(store: SessionStore): Promise<string | undefined> {
  await store.refresh();
  const { sessions } = store;
  if (sessions.length <= 1) return sessions[0]?.sessionId;
  const items = sessions.map((session): Item<string> => ({
    label: session.language ?? "session",
    description: `${session.selection.runtime} ${session.sessionId === store.current ? "· runs go here" : ""}`,
    detail: session.sessionId,
    value: session.sessionId,
  }));
  return (await vscode.window.showQuickPick(items, { title: "Which session?" }))?.value;
}

function runtimeItem(runtime: RuntimeInfo): Item<RuntimeInfo | undefined> {
  const start = runtime.startMs === undefined ? "" : ` · starts in ${String(runtime.startMs)} ms`;
  return {
    label: `$(${runtime.available ? "vm" : "circle-slash"}) ${runtime.id}`,
    description: `isolation: ${runtime.isolation}${start}`,
    ...(runtime.reason === undefined ? {} : { detail: runtime.reason }),
    value: runtime,
  };
}

function engineItem(engine: EngineInfo): Item<EngineInfo | undefined> {
  return { label: `$(code) ${engine.id}`, description: [engine.version, engine.languages[0]].filter(Boolean).join(" · "), value: engine };
}
