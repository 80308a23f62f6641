/** Answers what a cell asks for: a line, in an input box, for as long as the cell waits. */
import * as vscode from "vscode";
import type { DaemonClient } from "../daemon/client";
import { plain } from "./filter";
import type { Transcripts } from "./transcripts";

/** Takes the questions. A box that is left without an answer is the end of the input. */
export function answerInput(client: DaemonClient, transcripts: Transcripts): void {
  client.answer("execution/inputRequest", async ({ executionId, sessionId, prompt, password }, token) => {
    const transcript = transcripts.of(executionId, sessionId);
    transcript.prompt(prompt);
    const title = plain(prompt).trim();
    const value = await vscode.window.showInputBox(
      { title: title === "" ? "A line for the cell" : title, prompt: "The cell waits for this line. Escape ends its input.", password, ignoreFocusOut: true },
      token,
    );
    transcript.prompt(`${password ? "" : (value ?? "")}\n`);
    return value === undefined ? {} : { value };
  });
}
