/**
 * Where the daemon's executable is. Pure: what it looks at is handed in, so that it can be tested without an editor.
 */
import * as path from "node:path";

/** The variable of the environment that names the executable. */
export const VARIABLE = "CODEBEAKER_BIN";

/** A place that was looked at. */
export interface Candidate {
  /** Who named it, for a person to read. */
  readonly from: "setting" | "environment" | "bundled" | "PATH";
  /** The path; for `PATH`, the bare name where nothing was found. */
  readonly path: string;
  /** Whether an executable file is there. */
  readonly isThere: boolean;
}

/** What the search looks at. */
export interface Surroundings {
  /** `codebeaker.server.path`. */
  readonly setting: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** The extension's own directory. */
  readonly extension: string;
  readonly home: string;
  /** Whether an executable file is there. */
  isExecutable(file: string): boolean;
}

/** The result: what is to be started, and all that was looked at. */
export interface Found {
  readonly chosen: Candidate | undefined;
  readonly tried: readonly Candidate[];
}

/**
 * Looks in the setting, the environment, the extension's `server/` and `PATH`, in this order.
 *
 * A setting or variable that names nothing ends the search: whoever names an executable does not mean another.
 */
export function lookUp(around: Surroundings): Found {
  const tried: Candidate[] = [];
  const look = (from: Candidate["from"], file: string): Candidate => {
    const candidate = { from, path: file, isThere: around.isExecutable(file) };
    tried.push(candidate);
    return candidate;
  };
  const found = (candidate: Candidate): Found => ({ chosen: candidate.isThere ? candidate : undefined, tried });

  if (around.setting !== "") return found(look("setting", expandHome(around.setting, around.home)));
  const named = around.environment[VARIABLE];
  if (named !== undefined && named !== "") return found(look("environment", named));
  const bundled = look("bundled", path.join(around.extension, "server", "codebeaker"));
  if (bundled.isThere) return found(bundled);
  const directories = (around.environment["PATH"] ?? "").split(path.delimiter).filter((one) => path.isAbsolute(one));
  // Where `cargo install` puts it, which the environment of a desktop often lacks.
  directories.push(path.join(around.home, ".cargo", "bin"));
  for (const directory of directories) {
    const file = path.join(directory, "codebeaker");
    if (around.isExecutable(file)) return found(look("PATH", file));
  }
  tried.push({ from: "PATH", path: "codebeaker", isThere: false });
  return { chosen: undefined, tried };
}

function expandHome(file: string, home: string): string {
  return file === "~" || file.startsWith("~/") ? path.join(home, file.slice(1)) : file;
}

/** One line about a candidate. */
export function describe(candidate: Candidate): string {
  const where = {
    setting: "the setting `codebeaker.server.path`",
    environment: `the variable \`${VARIABLE}\``,
    bundled: "the extension itself",
    PATH: "`PATH`",
  }[candidate.from];
  return `${where}: \`${candidate.path}\`${candidate.isThere ? "" : ", where there is no executable file"}`;
}

/** The version in what `codebeaker --version` prints, or nothing where that is another program. */
export function versionOf(printed: string): string | undefined {
  return /^codebeaker (\d+\.\d+\.\d+\S*)\s*$/.exec(printed)?.[1];
}
