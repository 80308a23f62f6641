/**
 * Finds the daemon's executable and makes sure that it is one. Never downloads, and starts nothing but `--version`.
 */
import { execFile } from "node:child_process";
import { accessSync, constants, statSync } from "node:fs";
import { homedir } from "node:os";
import * as vscode from "vscode";
import { setting } from "../config";
import { DaemonMissing } from "./fault";
import { describe, lookUp, versionOf, type Found } from "./lookup";

/** How long `--version` may take on a machine that is busy. */
const VERSION_TIMEOUT_MS = 20_000;

/** An executable that says that it is the daemon. */
export interface Daemon {
  readonly path: string;
  readonly version: string;
  readonly args: readonly string[];
}

/** What is to be started as things stand, and where it was looked for. */
export function search(extension: vscode.Uri): Found {
  return lookUp({
    setting: setting("server.path"),
    environment: process.env,
    extension: extension.fsPath,
    home: homedir(),
    isExecutable,
  });
}

/** Finds it and asks for its version. Fails with what a person can do about it. */
export async function findDaemon(extension: vscode.Uri): Promise<Daemon> {
  const found = search(extension);
  if (found.chosen === undefined) {
    const tried = found.tried.map((one) => `- ${describe(one)}`).join("\n");
    throw new DaemonMissing("CodeBeaker's daemon was not found on this machine.", `Looked for in\n${tried}`);
  }
  const { path } = found.chosen;
  const version = versionOf(await printedVersion(path));
  if (version === undefined) {
    throw new DaemonMissing(`${path} is not CodeBeaker's daemon.`, "`--version` did not print its name and version.");
  }
  const settingsFile = setting("server.settingsFile");
  return { path, version, args: settingsFile === "" ? [] : ["--config", settingsFile] };
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return statSync(file).isFile();
  } catch {
    return false;
  }
}

function printedVersion(file: string): Promise<string> {
  return new Promise((resolve, reject) => {
    execFile(file, ["--version"], { timeout: VERSION_TIMEOUT_MS, maxBuffer: 4096 }, (error, stdout) => {
      if (error === null) resolve(stdout);
      else reject(new DaemonMissing(`${file} can't be started.`, error.message));
    });
  });
}
