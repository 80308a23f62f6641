/** Places that a program names in its terminal, as links to the files of the person or, where there are none, of the session. */
import * as path from "node:path";
import * as vscode from "vscode";
import { tell } from "../daemon/fault";
import type { SessionStore } from "../sessions/store";
import { SCHEME, format } from "../sessions/uri";
import { placesIn, type Place } from "./frames";

interface PlaceLink extends vscode.TerminalLink {
  readonly place: Place;
  readonly sessionId: string;
}

export class FrameLinks implements vscode.TerminalLinkProvider<PlaceLink> {
  constructor(
    private readonly store: SessionStore,
    /** The session that a terminal of ours shows. */
    private readonly sessionOf: (terminal: vscode.Terminal) => string | undefined,
  ) {}

  provideTerminalLinks({ line, terminal }: vscode.TerminalLinkContext): PlaceLink[] {
    const sessionId = this.sessionOf(terminal);
    const session = sessionId === undefined ? undefined : this.store.find(sessionId);
    if (sessionId === undefined || session === undefined) return [];
    return placesIn(line, session.workspace.path).map((place) => ({
      startIndex: place.start,
      length: place.length,
      tooltip: "Open this line",
      place,
      sessionId,
    }));
  }

  async handleTerminalLink({ place, sessionId }: PlaceLink): Promise<void> {
    const position = new vscode.Position(Math.max(0, place.line - 1), Math.max(0, place.column - 1));
    const selection = new vscode.Range(position, position);
    try {
      await vscode.window.showTextDocument(await this.target(place, sessionId), { selection });
    } catch (error) {
      void vscode.window.showWarningMessage(`CodeBeaker: ${place.path} can't be opened: ${tell(error)}`);
    }
  }

  private async target(place: Place, sessionId: string): Promise<vscode.Uri> {
    const folder = this.store.find(sessionId)?.workspace.uri;
    if (folder !== undefined) {
      const root = vscode.Uri.parse(folder);
      const uri = vscode.Uri.joinPath(root, place.path);
      const isInside = uri.path.startsWith(`${path.posix.normalize(root.path).replace(/\/$/, "")}/`);
      if (isInside && (await isFile(uri))) return uri;
    }
    return vscode.Uri.from({ scheme: SCHEME, path: format({ sessionId, path: place.path }) });
  }
}

async function isFile(uri: vscode.Uri): Promise<boolean> {
  try {
    return (await vscode.workspace.fs.stat(uri)).type === vscode.FileType.File;
  } catch {
    return false;
  }
}
