/** What F5 debugs: a configuration of launch.json, or with none the document that is shown. */
import * as vscode from "vscode";
import type { Conditions, ConditionsOfDocuments } from "../run/conditions";
import { mayRun } from "../trust";
import { DOCUMENT } from "./adapter";

/** The type of our configurations. */
export const TYPE = "codebeaker";

/** A configuration that debugs a document as it stands in the editor, under the conditions that it runs under. */
export function configurationOf(uri: vscode.Uri, conditions: Conditions, more: Record<string, unknown> = {}): vscode.DebugConfiguration {
  const name = uri.path.slice(uri.path.lastIndexOf("/") + 1);
  const { args, env } = conditions;
  return { type: TYPE, request: "launch", name, [DOCUMENT]: uri.toString(), args, env, ...more };
}

export class Configurations implements vscode.DebugConfigurationProvider {
  constructor(
    private readonly languages: readonly string[],
    private readonly conditions: ConditionsOfDocuments,
  ) {}

  provideDebugConfigurations(): vscode.DebugConfiguration[] {
    return [{ type: TYPE, request: "launch", name: "In a sandbox", program: "${file}", cwd: "${workspaceFolder}" }];
  }

  resolveDebugConfiguration(
    _folder: vscode.WorkspaceFolder | undefined,
    configuration: Partial<vscode.DebugConfiguration>,
  ): vscode.DebugConfiguration | undefined {
    if (!mayRun()) return undefined;
    if (configuration.type !== undefined && configuration.type !== "") {
      return configuration as vscode.DebugConfiguration;
    }
    const document = vscode.window.activeTextEditor?.document;
    if (document === undefined || !this.languages.includes(document.languageId)) {
      void vscode.window.showInformationMessage("CodeBeaker: open the program that is to be debugged, then press F5.");
      return undefined;
    }
    return configurationOf(document.uri, this.conditions.of(document.uri), configuration["noDebug"] === true ? { noDebug: true } : {});
  }
}
