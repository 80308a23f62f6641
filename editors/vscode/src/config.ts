/** The settings, each read where it is needed, so that a change holds from the next use on. */
import * as vscode from "vscode";

/** The types of the settings; package.json describes them. */
export interface Settings {
  "server.path": string;
  "server.settingsFile": string;
  "run.input": "terminal" | "none";
  "run.arguments": string[];
  "run.env": Record<string, string>;
  "run.cwd": string;
  "run.timeoutSeconds": number;
  "run.reveal": "always" | "never";
  "run.clear": boolean;
  "inlineResults.enabled": boolean;
  "codeLens.enabled": boolean;
  "session.runtime": string;
  "session.preference": "" | "security" | "speed" | "memory" | "balanced";
  "session.minIsolation": "" | "namespaces" | "container" | "kernel" | "vm";
  "session.workspace": "" | "overlay" | "copy" | "bindRo" | "bindRw" | "none";
  "session.network": "" | "none" | "allowlist" | "full";
  "session.allowedHosts": string[];
  "session.limits": Record<string, number>;
}

/** A setting as it is now, for a resource where it can differ. */
export function setting<K extends keyof Settings>(name: K, scope?: vscode.Uri): Settings[K] {
  const value = vscode.workspace.getConfiguration("codebeaker", scope).get<Settings[K]>(name);
  if (value === undefined) throw new Error(`the setting codebeaker.${name} has no default`);
  return value;
}
