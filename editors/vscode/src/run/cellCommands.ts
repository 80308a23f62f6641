/** The commands that run cells of the document that is shown. */
import * as vscode from "vscode";
import { configurationOf } from "../debug/configuration";
import type { CellLenses } from "./cellLenses";
import type { Cells } from "./cells";

type Act = (editor: vscode.TextEditor) => Thenable<unknown>;

/** All of them, by their names without the prefix. */
export function cellCommands(cells: Cells, lenses: CellLenses): Record<string, Act> {
  const lineOf = (editor: vscode.TextEditor): number => editor.selection.active.line;
  const run = (scope: "cell" | "above" | "below"): Act => (editor) => cells.run(editor.document.uri, { line: lineOf(editor), scope });
  return {
    runCurrentCell: run("cell"),
    runCellsAbove: run("above"),
    runCellsBelow: run("below"),
    runAllCells: (editor) => cells.run(editor.document.uri, { scope: "all" }),
    runCellAndAdvance: async (editor) => {
      const line = lineOf(editor);
      const next = lenses.after(editor.document, line);
      const begun = cells.run(editor.document.uri, { line });
      if (next !== undefined) {
        // Below its marker.
        const at = new vscode.Position(Math.min(next + 1, editor.document.lineCount - 1), 0);
        editor.selection = new vscode.Selection(at, at);
        editor.revealRange(new vscode.Range(at, at), vscode.TextEditorRevealType.InCenterIfOutsideViewport);
      }
      await begun;
    },
    runSelectionInInterpreter: (editor) => {
      const { start, end } = editor.selection;
      return cells.run(editor.document.uri, {
        range: { start: { line: start.line, character: start.character }, end: { line: end.line, character: end.character } },
      });
    },
    debugCurrentCell: (editor) => {
      const { uri } = editor.document;
      return vscode.debug.startDebugging(vscode.workspace.getWorkspaceFolder(uri), configurationOf(uri, { cellLine: lineOf(editor) }));
    },
    restartInterpreterOfFile: (editor) => cells.restart(editor.document.uri),
  };
}
