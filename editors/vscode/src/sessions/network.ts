/** Asks a person whether a program may reach a host that nothing allows. Who wrote the program chose the host's name. */
import * as vscode from "vscode";
import type { DaemonClient } from "../daemon/client";
import { plain } from "../run/filter";

const MAX_SHOWN = 200;

/** Takes the questions. One that is left, or taken back, is answered with no. */
export function answerNetwork(client: DaemonClient): void {
  client.answer("net/ask", async ({ host, port }, token) => {
    const name = plain(host).slice(0, MAX_SHOWN);
    const question = `A program in a sandbox wants to reach ${name} at port ${String(port)}.`;
    const answers = { once: "Allow Once", always: "Allow for the Session", deny: "Deny" };
    const late = new Promise<undefined>((done) => token.onCancellationRequested(() => {
      done(undefined);
    }));
    const chosen = await Promise.race([vscode.window.showWarningMessage(question, ...Object.values(answers)), late]);
    if (chosen === answers.once) return { answer: "once" };
    return { answer: chosen === answers.always ? "always" : "deny" };
  });
}
