/**
 * What happens in a workspace that is not trusted: nothing of it runs.
 *
 * The sandbox would hold; but the editor gives no terminal and no debugger there, and a person who was asked not to trust
 * expects silence. The daemon itself, as the user's own settings name it, serves lenses, the doctor and the files of sessions.
 */
import * as vscode from "vscode";

/** Whether programs may run. Says so, and what to do, where they may not. */
export function mayRun(): boolean {
  if (vscode.workspace.isTrusted) return true;
  const action = "Manage Trust";
  void vscode.window
    .showInformationMessage("CodeBeaker runs programs of this workspace once you trust it.", action)
    .then((chosen) => chosen && vscode.commands.executeCommand("workbench.trust.manage"));
  return false;
}
