/** Installs packages in a session. What they are, whether they may, and from where, is the daemon's to say. */
import * as vscode from "vscode";
import type { DaemonClient } from "../daemon/client";
import { dataOf, tell } from "../daemon/fault";
import type { PackageInstallParams } from "../protocol";
import { split } from "../run/words";

/** Shows what an execution has printed. */
export type Show = (sessionId: string, executionId: string) => Promise<void>;

const MANAGERS: (vscode.QuickPickItem & { value: PackageInstallParams["manager"] })[] = [
  { label: "$(package) pip", description: "Python", value: "pip" },
  { label: "$(package) npm", description: "JavaScript and TypeScript", value: "npm" },
];

/** Asks what is to be installed, and has it installed with progress. */
export async function installPackages(client: DaemonClient, sessionId: string, show: Show): Promise<void> {
  const manager = await vscode.window.showQuickPick(MANAGERS, { title: "Who installs?" });
  if (manager === undefined) return;
  const line = await vscode.window.showInputBox({
    title: `Packages for the session, by ${manager.value}`,
    prompt: "Names as the registry has them, with versions if you like: requests 'rich>=13'",
    ignoreFocusOut: true,
    validateInput: (typed) => {
      try {
        return split(typed).length > 0 || manager.value === "npm" ? undefined : "Name at least one.";
      } catch (error) {
        return tell(error);
      }
    },
  });
  if (line === undefined) return;
  const packages = split(line);
  const params = { sessionId, manager: manager.value, ...(packages.length === 0 ? {} : { packages }) };
  const title = `CodeBeaker: installing ${packages.join(", ")}`;
  const action = "Show Output";
  try {
    const { packages: all, outcome, executionId } = await client.callWithProgress(title, "package/install", params, vscode.ProgressLocation.Notification);
    if (outcome !== "ok") return;
    const told = `CodeBeaker: installed. The session has ${all.map((one) => `${one.name} ${one.version}`).join(", ")}.`;
    void vscode.window.showInformationMessage(told, action).then((chosen) => chosen && show(sessionId, executionId));
  } catch (error) {
    const { executionId } = dataOf(error);
    const actions = executionId === undefined ? [] : [action];
    void vscode.window.showErrorMessage(`CodeBeaker: ${tell(error)}`, ...actions).then((chosen) =>
      chosen && executionId !== undefined ? show(sessionId, executionId) : undefined);
  }
}
