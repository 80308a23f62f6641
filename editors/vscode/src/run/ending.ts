/** What came of a run, in words. */
import type { Ending } from "../shapes";

/** One line that says how it ended. */
export function tellEnding(ending: Ending): string {
  const took = ending.durationMs < 1000 ? `${String(ending.durationMs)} ms` : `${(ending.durationMs / 1000).toFixed(1)} s`;
  return `${outcome(ending)} after ${took}`;
}

function outcome(ending: Ending): string {
  switch (ending.outcome) {
    case "ok":
      return "ended well";
    case "error":
      // A cell has no code to end with.
      return ending.exitCode === undefined ? "failed" : `ended with code ${String(ending.exitCode)}`;
    case "timeout":
      return "ran out of time and was ended";
    case "killed":
      return ending.signal === undefined ? "was ended" : `was ended by ${ending.signal}`;
    case "outOfMemory":
      return "ran out of memory";
    case "cancelled":
      return "was stopped";
    case "outputLimit":
      return "printed more than it may and was ended";
    case "lost":
      return "was lost with its sandbox";
  }
}
