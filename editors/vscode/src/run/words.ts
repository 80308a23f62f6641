/** Arguments of a run, as a person types them: words, with quotes as in a shell and nothing else of one. */

/** Splits a line into words. Fails where a quote is not closed. */
export function split(line: string): string[] {
  const words: string[] = [];
  let word = "";
  let hasBegun = false;
  let quote = "";
  const add = (char: string): void => {
    word += char;
    hasBegun = true;
  };
  for (let at = 0; at < line.length; at++) {
    const char = line.charAt(at);
    const next = line.charAt(at + 1);
    if (quote !== "" && char === quote) {
      quote = "";
    } else if (quote !== "") {
      const isEscape = quote === '"' && char === "\\" && (next === '"' || next === "\\");
      add(isEscape ? line.charAt(++at) : char);
    } else if (char === "'" || char === '"') {
      quote = char;
      hasBegun = true;
    } else if (char === "\\" && next !== "") {
      add(line.charAt(++at));
    } else if (char.trim() !== "") {
      add(char);
    } else if (hasBegun) {
      words.push(word);
      word = "";
      hasBegun = false;
    }
  }
  if (quote !== "") throw new Error(`there is no second ${quote}`);
  if (hasBegun) words.push(word);
  return words;
}

/** The line that is split into these words again. */
export function join(words: readonly string[]): string {
  const quoted = (word: string): string => `'${word.replaceAll("'", "'\\''")}'`;
  return words.map((word) => (/^[\w@%+=:,./-]+$/.test(word) ? word : quoted(word))).join(" ");
}
