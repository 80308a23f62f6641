/** Errors that a person sees: one line, with what to do. */
import { ResponseError } from "vscode-languageclient/node";
import type { FaultData } from "../shapes";

/** The daemon can't be started. `detail` says where it was looked for, or what it said. */
export class DaemonMissing extends Error {
  override readonly name = "DaemonMissing";

  constructor(message: string, readonly detail: string) {
    super(message);
  }
}

/** The number of an error of the daemon's; nothing for other errors. */
export function codeOf(error: unknown): number | undefined {
  return error instanceof ResponseError ? error.code : undefined;
}

/** What the daemon says beside the message. */
export function dataOf(error: unknown): FaultData {
  const data: unknown = error instanceof ResponseError ? error.data : undefined;
  return typeof data === "object" && data !== null ? data : {};
}

/** The message with its hint. */
export function tell(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  const hint = dataOf(error).hint;
  return hint === undefined ? message : `${message} (${hint})`;
}
