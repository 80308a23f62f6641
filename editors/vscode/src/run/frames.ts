/**
 * Places in the workspace that a line of output names. Whatever the language, a path of the workspace is written the same,
 * and a line number follows it in one of few ways; nothing else of the output is understood.
 */

/** A place in the workspace of a sandbox. */
export interface Place {
  /** Where in the line it begins, and how long it is. */
  readonly start: number;
  readonly length: number;
  /** Path from the workspace. */
  readonly path: string;
  /** From 1. */
  readonly line: number;
  readonly column: number;
}

/** All places that a line names. `root` is where programs see the workspace. */
export function placesIn(text: string, root: string): Place[] {
  const escaped = root.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
  // In quotes a path may have blanks in it.
  const quoted = `(?<=")${escaped}/([^"\\n]+)", line (\\d+)`;
  const bare = `${escaped}/([^\\s"'<>|:()]+)(?:[:(](\\d+)(?:[:,](\\d+))?\\)?)?`;
  return [...text.matchAll(new RegExp(`${quoted}|${bare}`, "g"))].map((match) => ({
    start: match.index,
    length: match[0].length,
    path: match[1] ?? match[3] ?? "",
    line: Number(match[2] ?? match[4] ?? 1),
    column: Number(match[5] ?? 1),
  }));
}
