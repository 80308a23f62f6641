/** Names of files in sessions, `codebeaker:/SESSION/PATH`. Pure. */

/** The scheme of the names. */
export const SCHEME = "codebeaker";

/** The session and the path from its workspace; the empty path is the workspace itself. */
export interface Location {
  readonly sessionId: string;
  readonly path: string;
}

/** What the path of a name means; nothing where it names no session. */
export function parse(path: string): Location | undefined {
  const [, sessionId, ...rest] = path.split("/");
  if (sessionId === undefined || sessionId === "") return undefined;
  return { sessionId, path: rest.filter((part) => part !== "").join("/") };
}

/** The path of the name of a file. */
export function format(location: Location): string {
  return location.path === "" ? `/${location.sessionId}` : `/${location.sessionId}/${location.path}`;
}
