/** Under which conditions a document runs, and is debugged: what the settings say, and the arguments that it was given last. */
import * as vscode from "vscode";
import { setting } from "../config";

export interface Conditions {
  readonly args: string[];
  readonly env: Record<string, string>;
}

/** Remembers arguments of documents, from one window to the next. */
export class ConditionsOfDocuments {
  constructor(private readonly memory: vscode.Memento) {}

  of(uri: vscode.Uri): Conditions {
    return { args: this.memory.get<string[]>(keyOf(uri)) ?? setting("run.arguments", uri), env: setting("run.env", uri) };
  }

  async remember(uri: vscode.Uri, args: readonly string[]): Promise<void> {
    await this.memory.update(keyOf(uri), args);
  }
}

function keyOf(uri: vscode.Uri): string {
  return `arguments of ${uri.toString()}`;
}
