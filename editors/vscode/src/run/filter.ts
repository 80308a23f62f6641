/**
 * What of a program's output may reach the terminal.
 *
 * Text, colours and cursor movements may. Strings to the terminal itself may not, but for titles and links: others set
 * the clipboard or tell the editor what its shell has done, and what runs in a sandbox has no business there.
 */

/** The longest sequence that is looked at; a longer one is dropped. */
const MAX_SEQUENCE = 4096;
/** Titles (0, 1, 2), colours (4, 10, 11, 12, 104, 110 to 112) and links (8). */
const ALLOWED = /^(?:0|1|2|4|8|1[0-2]|104|11[0-2])(?:;|$)/;

/** A filter for one stream, which remembers a sequence that is split over chunks. */
export class SequenceFilter {
  /** The sequence that has begun, from its escape on. */
  private held = "";

  /** What may be shown of this chunk and of what was held back. */
  pass(chunk: string): string {
    const input = this.held + chunk;
    this.held = "";
    let shown = "";
    let at = 0;
    while (at < input.length) {
      const begin = indexOfString(input, at);
      if (begin === -1) return shown + input.slice(at);
      shown += input.slice(at, begin);
      const head = headAt(input, begin);
      if (head === undefined) {
        this.held = input.slice(begin);
        return shown;
      }
      const end = endOf(input, begin + head.length);
      if (end === undefined) {
        // An escape may be half of the end that is to come.
        const tail = input.endsWith("\x1b") ? "\x1b" : "";
        const rest = input.slice(begin);
        this.held = rest.length > MAX_SEQUENCE ? `\x1bX${tail}` : rest;
        return shown;
      }
      const body = input.slice(begin + head.length, end.from);
      if (head.isCommand && body.length <= MAX_SEQUENCE && ALLOWED.test(body)) shown += input.slice(begin, end.to);
      at = end.to;
    }
    return shown;
  }
}

/** Where the next escape is that begins a string, or may begin one. */
function indexOfString(input: string, from: number): number {
  for (let at = from; at < input.length; at++) {
    const code = input.charCodeAt(at);
    if (code === 0x90 || code === 0x98 || code === 0x9d || code === 0x9e || code === 0x9f) return at;
    if (code !== 0x1b) continue;
    const next = input[at + 1];
    if (next === undefined || "]PX^_".includes(next)) return at;
  }
  return -1;
}

function headAt(input: string, at: number): { length: number; isCommand: boolean } | undefined {
  if (input.charCodeAt(at) !== 0x1b) return { length: 1, isCommand: input.charCodeAt(at) === 0x9d };
  const next = input[at + 1];
  return next === undefined ? undefined : { length: 2, isCommand: next === "]" };
}

/** Where a string ends: at BEL, ST, or what aborts it. */
function endOf(input: string, from: number): { from: number; to: number } | undefined {
  for (let at = from; at < input.length; at++) {
    const code = input.charCodeAt(at);
    if (code === 0x07 || code === 0x9c || code === 0x18 || code === 0x1a) return { from: at, to: at + 1 };
    if (code !== 0x1b) continue;
    if (at + 1 === input.length) return undefined;
    return { from: at, to: input[at + 1] === "\\" ? at + 2 : at };
  }
  return undefined;
}

/** Text without any sequence, for places that show none. */
export function plain(text: string): string {
  // eslint-disable-next-line no-control-regex -- control characters are what is looked for
  const sequences = /\x1b(?:\[[0-?]*[ -/]*[@-~]|[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)?|[ -/]*[0-~])/g;
  // eslint-disable-next-line no-control-regex -- and here
  return text.replace(sequences, "").replace(/\r\n/g, "\n").replace(/[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]/g, "");
}
