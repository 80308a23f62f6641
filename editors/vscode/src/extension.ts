/** Puts the parts together. What each does is in its module. */
import * as vscode from "vscode";
import { registerCommands } from "./commands";
import { DaemonClient } from "./daemon/client";
import { Mender } from "./daemon/mend";
import { TunnelFactory } from "./debug/adapter";
import { Configurations, TYPE, configurationOf } from "./debug/configuration";
import { Doctor } from "./doctor/show";
import type { DebugParams } from "./protocol";
import type { RunCells, RunCommand } from "./shapes";
import { OutputPages } from "./output/panel";
import { answerInput } from "./run/ask";
import { CellLenses } from "./run/cellLenses";
import { Cells } from "./run/cells";
import { FrameLinks } from "./run/links";
import { Runner } from "./run/runner";
import { Transcripts } from "./run/transcripts";
import { SessionFiles } from "./sessions/files";
import { answerNetwork } from "./sessions/network";
import { Places } from "./sessions/place";
import { SessionStore } from "./sessions/store";
import { SessionTree } from "./sessions/tree";
import { SCHEME } from "./sessions/uri";
import { StatusBar } from "./statusBar";

let client: DaemonClient | undefined;

/** The languages of the manifest, which is the one list of them. */
function languagesOf(extension: vscode.Extension<unknown>): string[] {
  const manifest = extension.packageJSON as { activationEvents: string[] };
  const prefix = "onLanguage:";
  return manifest.activationEvents.filter((event) => event.startsWith(prefix)).map((event) => event.slice(prefix.length));
}

export function activate(context: vscode.ExtensionContext): void {
  const { extensionUri } = context;
  const languages = languagesOf(context.extension);
  const log = vscode.window.createOutputChannel("CodeBeaker", { log: true });
  const daemon = new DaemonClient(extensionUri, languages, log);
  client = daemon;
  const mender = new Mender(daemon, extensionUri);
  const store = new SessionStore(daemon);
  const transcripts = new Transcripts(daemon);
  const places = new Places(daemon, store);
  const pages = new OutputPages(extensionUri, log);
  const runner = new Runner(daemon, store, places, transcripts, pages, context.workspaceState, mender.explain);
  const cells = new Cells(daemon, store, places, transcripts, pages, (id) => runner.stop(id), mender.explain);
  const lenses = new CellLenses();
  daemon.onDidTellLenses(({ document, lenses: told }) => {
    lenses.learn(document, told);
  });
  const files = new SessionFiles(daemon);
  const tree = new SessionTree(daemon, store, files);
  const doctor = new Doctor(daemon, extensionUri);

  daemon.intercept = (command, argument) => {
    const about = argument as Partial<RunCommand> | undefined;
    if (typeof about?.uri !== "string") return undefined;
    const uri = vscode.Uri.parse(about.uri);
    if (command === "codebeaker.run") return runner.document(uri, about);
    if (command === "codebeaker.runCell") return cells.run(uri, argument as RunCells);
    if (command !== "codebeaker.debug") return undefined;
    const { cellLine } = argument as Partial<DebugParams>;
    const more = cellLine === undefined ? {} : { cellLine };
    return vscode.debug.startDebugging(vscode.workspace.getWorkspaceFolder(uri), configurationOf(uri, more));
  };

  answerInput(daemon, transcripts);
  answerNetwork(daemon);
  daemon.onDidChangePhase(() => {
    // What the daemon doesn't offer, the menus don't either.
    for (const method of ["package/install", "context/list"]) {
      void vscode.commands.executeCommand("setContext", `codebeaker.has.${method.replace("/", ".")}`, daemon.has(method));
    }
    void vscode.commands.executeCommand("setContext", "codebeaker.has.cells", daemon.offers("codebeaker.runCell"));
  });

  context.subscriptions.push(
    log, daemon, mender, store, transcripts, pages, cells, lenses, runner, files, tree, doctor,
    new StatusBar(daemon, store),
    registerCommands({ client: daemon, mender, runner, cells, lenses, pages, places, store, doctor, extensionId: context.extension.id }),
    vscode.window.registerTreeDataProvider("codebeaker.sessions", tree),
    vscode.window.registerTerminalLinkProvider(new FrameLinks(store, (terminal) => runner.find(terminal)?.sessionId ?? cells.sessionOf(terminal))),
    vscode.workspace.registerFileSystemProvider(SCHEME, files, { isCaseSensitive: true }),
    vscode.debug.registerDebugConfigurationProvider(TYPE, new Configurations(languages)),
    vscode.debug.registerDebugAdapterDescriptorFactory(
      TYPE,
      new TunnelFactory(daemon, () => store.current, mender.explain),
    ),
  );

  // A program is open, or the tree is looked at: its lenses come from the daemon.
  daemon.ready().catch(mender.explain);
}

export async function deactivate(): Promise<void> {
  await client?.stop();
}
