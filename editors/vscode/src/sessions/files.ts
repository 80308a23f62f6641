/** Files of sessions as files of the editor: opened, edited, copied and dragged like any other. */
import * as vscode from "vscode";
import type { DaemonClient } from "../daemon/client";
import { codeOf } from "../daemon/fault";
import { Code } from "../protocol";
import type { Entry } from "../shapes";
import { parse, type Location } from "./uri";
import { Watches } from "./watches";

/** How much of a file one answer carries. */
const PART_BYTES = 4 * 1024 * 1024;
const MAX_ENTRIES = 10_000;

export class SessionFiles implements vscode.FileSystemProvider, vscode.Disposable {
  private readonly changed = new vscode.EventEmitter<vscode.FileChangeEvent[]>();
  readonly onDidChangeFile = this.changed.event;

  private readonly watches: Watches;

  constructor(private readonly client: DaemonClient) {
    this.watches = new Watches(client, (changes) => {
      this.changed.fire(changes);
    });
  }

  /** What is done here is told by itself as well: a daemon may not be able to watch. */
  watch(uri: vscode.Uri, { recursive }: { recursive: boolean }): vscode.Disposable {
    const at = locate(uri);
    // A file is watched by its directory. A directory that is taken for one is watched with its neighbours.
    const path = recursive || at.path === "" ? at.path : at.path.slice(0, Math.max(0, at.path.lastIndexOf("/")));
    return this.watches.add({ ...at, path }, recursive);
  }

  async stat(uri: vscode.Uri): Promise<vscode.FileStat> {
    const at = locate(uri);
    if (at.path === "") return { type: vscode.FileType.Directory, ctime: 0, mtime: 0, size: 0 };
    const entry = await this.told(uri, () => this.client.call("fs/stat", at));
    const time = Date.parse(entry.modifiedAt);
    return { type: typeOf(entry), ctime: time, mtime: time, size: entry.size };
  }

  async readDirectory(uri: vscode.Uri): Promise<[string, vscode.FileType][]> {
    const { sessionId, path } = locate(uri);
    const params = { sessionId, ...(path === "" ? {} : { path }), hidden: true, limit: MAX_ENTRIES };
    const { entries } = await this.told(uri, () => this.client.call("fs/list", params));
    return entries.map((entry) => [entry.name, typeOf(entry)]);
  }

  async readFile(uri: vscode.Uri): Promise<Uint8Array> {
    const at = locate(uri);
    const parts: Buffer[] = [];
    let offset = 0;
    for (;;) {
      const part = { ...at, encoding: "base64" as const, offset, length: PART_BYTES };
      const { data, bytes, eof } = await this.told(uri, () => this.client.call("fs/read", part));
      parts.push(Buffer.from(data, "base64"));
      offset += bytes;
      if (eof || bytes === 0) return Buffer.concat(parts);
    }
  }

  async writeFile(uri: vscode.Uri, content: Uint8Array, options: { create: boolean; overwrite: boolean }): Promise<void> {
    const at = locate(uri);
    if (!options.create) await this.stat(uri);
    const data = Buffer.from(content).toString("base64");
    const mode = options.create && !options.overwrite ? "create" : "replace";
    const { created } = await this.told(uri, () => this.client.call("fs/write", { ...at, data, encoding: "base64", mode }));
    this.tell(uri, created ? vscode.FileChangeType.Created : vscode.FileChangeType.Changed);
  }

  async createDirectory(uri: vscode.Uri): Promise<void> {
    await this.told(uri, () => this.client.call("fs/mkdir", locate(uri)));
    this.tell(uri, vscode.FileChangeType.Created);
  }

  async delete(uri: vscode.Uri, options: { recursive: boolean }): Promise<void> {
    await this.told(uri, () => this.client.call("fs/remove", { ...locate(uri), recursive: options.recursive }));
    this.tell(uri, vscode.FileChangeType.Deleted);
  }

  async rename(from: vscode.Uri, to: vscode.Uri, options: { overwrite: boolean }): Promise<void> {
    await this.transfer("fs/move", from, to, options.overwrite);
    this.tell(from, vscode.FileChangeType.Deleted);
  }

  async copy(from: vscode.Uri, to: vscode.Uri, options: { overwrite: boolean }): Promise<void> {
    await this.transfer("fs/copy", from, to, options.overwrite);
  }

  dispose(): void {
    this.watches.dispose();
    this.changed.dispose();
  }

  private async transfer(method: "fs/move" | "fs/copy", from: vscode.Uri, to: vscode.Uri, overwrite: boolean): Promise<void> {
    const source = locate(from);
    const target = locate(to);
    if (source.sessionId !== target.sessionId) throw vscode.FileSystemError.NoPermissions("these are files of two sessions");
    const params = { sessionId: source.sessionId, from: source.path, to: target.path, overwrite };
    await this.told(from, () => this.client.call(method, params));
    this.tell(to, vscode.FileChangeType.Created);
  }

  private tell(uri: vscode.Uri, type: vscode.FileChangeType): void {
    this.changed.fire([{ uri, type }]);
  }

  /** The editor acts on its own kinds of errors: nothing there is no failure to it. */
  private async told<T>(uri: vscode.Uri, call: () => Promise<T>): Promise<T> {
    try {
      return await call();
    } catch (error) {
      switch (codeOf(error)) {
        case Code.FileNotFound:
          throw vscode.FileSystemError.FileNotFound(uri);
        case Code.SessionNotFound:
        case Code.SessionClosed:
          throw vscode.FileSystemError.Unavailable("the session of this file is closed");
        case Code.AlreadyExists:
          throw vscode.FileSystemError.FileExists(uri);
        case Code.NotADirectory:
          throw vscode.FileSystemError.FileNotADirectory(uri);
        case Code.IsADirectory:
          throw vscode.FileSystemError.FileIsADirectory(uri);
        case Code.PermissionDenied:
          throw vscode.FileSystemError.NoPermissions(uri);
        default:
          throw error;
      }
    }
  }
}

function locate(uri: vscode.Uri): Location {
  const location = parse(uri.path);
  if (location === undefined) throw vscode.FileSystemError.FileNotFound(uri);
  return location;
}

function typeOf(entry: Entry): vscode.FileType {
  switch (entry.type) {
    case "file":
      return vscode.FileType.File;
    case "directory":
      return vscode.FileType.Directory;
    case "symlink":
      return vscode.FileType.SymbolicLink;
    case "other":
      return vscode.FileType.Unknown;
  }
}
