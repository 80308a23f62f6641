/** Directories of sessions that somebody looks at: one watch of the daemon's for each, however many look. */
import * as vscode from "vscode";
import type { DaemonClient } from "../daemon/client";
import { tell } from "../daemon/fault";
import { SCHEME, format, type Location } from "./uri";

const TYPES = {
  created: vscode.FileChangeType.Created,
  changed: vscode.FileChangeType.Changed,
  removed: vscode.FileChangeType.Deleted,
  renamed: vscode.FileChangeType.Created,
} as const;

interface Watch {
  count: number;
  readonly at: Location;
  readonly id: Promise<string | undefined>;
}

export class Watches implements vscode.Disposable {
  private readonly watches = new Map<string, Watch>();
  private readonly subscriptions: vscode.Disposable[];

  constructor(private readonly client: DaemonClient, tell: (changes: vscode.FileChangeEvent[]) => void) {
    this.subscriptions = [
      client.on("fs/changed", ({ sessionId, changes }) => {
        const uriOf = (path: string): vscode.Uri => vscode.Uri.from({ scheme: SCHEME, path: format({ sessionId, path }) });
        tell(changes.flatMap(({ path, kind, from }) => [
          ...(from === undefined ? [] : [{ uri: uriOf(from), type: vscode.FileChangeType.Deleted }]),
          { uri: uriOf(path), type: TYPES[kind] },
        ]));
      }),
      // They end with the connection.
      client.onDidChangePhase((phase) => {
        if (phase.kind !== "running") this.watches.clear();
      }),
    ];
  }

  /** Watches a directory until that is disposed. What can't be watched is not: a file is then as new as when it was opened. */
  add(at: Location, recursive: boolean): vscode.Disposable {
    if (!this.client.has("fs/watch")) return new vscode.Disposable(() => undefined);
    const key = `${format(at)} ${String(recursive)}`;
    const watch = this.watches.get(key) ?? { count: 0, at, id: this.begin(at, recursive) };
    this.watches.set(key, watch);
    watch.count += 1;
    return new vscode.Disposable(() => {
      watch.count -= 1;
      if (watch.count > 0 || this.watches.get(key) !== watch) return;
      this.watches.delete(key);
      void this.end(watch);
    });
  }

  dispose(): void {
    for (const one of this.subscriptions) one.dispose();
  }

  private async begin(at: Location, recursive: boolean): Promise<string | undefined> {
    const { sessionId, path } = at;
    try {
      return (await this.client.call("fs/watch", { sessionId, recursive, ...(path === "" ? {} : { path }) })).watchId;
    } catch (error) {
      this.client.log.debug(`watching ${path} of ${sessionId}: ${tell(error)}`);
      return undefined;
    }
  }

  private async end({ at, id }: Watch): Promise<void> {
    const watchId = await id;
    if (watchId === undefined || this.client.phase.kind !== "running") return;
    await this.client.call("fs/unwatch", { sessionId: at.sessionId, watchId }).catch((error: unknown) => {
      // Its session may be closed.
      this.client.log.trace(`fs/unwatch: ${tell(error)}`);
    });
  }
}
