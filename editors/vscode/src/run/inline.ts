/** The last line of what a selection printed, behind it, until that document is edited. */
import * as vscode from "vscode";
import { plain } from "./filter";

const MAX_SHOWN = 160;
const MAX_HOVER = 10_000;

export class InlineResults implements vscode.Disposable {
  private readonly decoration = vscode.window.createTextEditorDecorationType({
    after: { margin: "0 0 0 2em", color: new vscode.ThemeColor("editorCodeLens.foreground") },
    isWholeLine: true,
  });
  private readonly shown = new Map<string, vscode.DecorationOptions[]>();
  private readonly subscriptions: vscode.Disposable[];

  constructor() {
    this.subscriptions = [
      this.decoration,
      vscode.workspace.onDidChangeTextDocument(({ document, contentChanges }) => {
        if (contentChanges.length > 0) this.set(document.uri, []);
      }),
      vscode.workspace.onDidCloseTextDocument((document) => this.shown.delete(document.uri.toString())),
      vscode.window.onDidChangeVisibleTextEditors(() => {
        this.paint();
      }),
    ];
  }

  /** Shows what was printed behind a line. */
  show(document: vscode.TextDocument, line: number, output: string, isWell: boolean): void {
    const text = plain(output).trimEnd();
    const last = text.slice(text.lastIndexOf("\n") + 1).trim();
    if (line >= document.lineCount) return;
    const hover = new vscode.MarkdownString();
    hover.appendCodeblock(text.length > MAX_HOVER ? `…${text.slice(-MAX_HOVER)}` : text, "text");
    const contentText = `${isWell ? "⇒" : "✗"} ${last.length > MAX_SHOWN ? `${last.slice(0, MAX_SHOWN)}…` : last}`;
    const { range } = document.lineAt(line);
    const others = (this.shown.get(document.uri.toString()) ?? []).filter((one) => one.range.start.line !== line);
    this.set(document.uri, [...others, { range, hoverMessage: hover, renderOptions: { after: { contentText } } }]);
  }

  clear(): void {
    this.shown.clear();
    this.paint();
  }

  dispose(): void {
    for (const one of this.subscriptions) one.dispose();
  }

  private set(uri: vscode.Uri, results: vscode.DecorationOptions[]): void {
    if (results.length === 0 && !this.shown.delete(uri.toString())) return;
    if (results.length > 0) this.shown.set(uri.toString(), results);
    this.paint();
  }

  private paint(): void {
    for (const editor of vscode.window.visibleTextEditors) {
      editor.setDecorations(this.decoration, this.shown.get(editor.document.uri.toString()) ?? []);
    }
  }
}
