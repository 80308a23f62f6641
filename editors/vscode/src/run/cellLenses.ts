/** Where the cells of a document begin, as the lenses of the daemon say. */
import * as vscode from "vscode";
import type { RunCells } from "../shapes";

export class CellLenses implements vscode.Disposable {
  private readonly cells = new Map<string, readonly number[]>();
  private readonly subscriptions: vscode.Disposable[];

  constructor() {
    this.subscriptions = [
      vscode.window.onDidChangeActiveTextEditor(() => {
        this.tell();
      }),
      vscode.workspace.onDidCloseTextDocument(({ uri }) => this.cells.delete(uri.toString())),
    ];
  }

  /** Takes note of the lenses of a document. */
  learn(document: vscode.TextDocument, lenses: readonly vscode.CodeLens[]): void {
    const lines = lenses
      .filter(({ command }) => command?.command === "codebeaker.runCell" && (command.arguments?.[0] as RunCells | undefined)?.scope === undefined)
      .map((lens) => lens.range.start.line);
    this.cells.set(document.uri.toString(), lines);
    this.tell();
  }

  /** The line of the first cell that begins after a line. */
  after(document: vscode.TextDocument, line: number): number | undefined {
    return this.cells.get(document.uri.toString())?.find((one) => one > line);
  }

  dispose(): void {
    for (const one of this.subscriptions) one.dispose();
  }

  /** Keys of cells are those of an editor that shows some. */
  private tell(): void {
    const shown = vscode.window.activeTextEditor?.document.uri.toString() ?? "";
    void vscode.commands.executeCommand("setContext", "codebeaker.hasCells", (this.cells.get(shown)?.length ?? 0) > 0);
  }
}
