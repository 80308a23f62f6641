import assert from "node:assert/strict";
import { test } from "node:test";
import { SequenceFilter, plain } from "../../src/run/filter";
import { placesIn } from "../../src/run/frames";
import { dedent } from "../../src/run/selection";
import { tellEnding } from "../../src/run/ending";
import { join, split } from "../../src/run/words";
import { render } from "../../src/doctor/report";
import { format, parse } from "../../src/sessions/uri";

const CLIPBOARD = "\x1b]52;c;cm0gLXJmIH4=\x07";

/** Passes a text in parts of every size. */
function inParts(text: string, size: number): string {
  const filter = new SequenceFilter();
  let shown = "";
  for (let at = 0; at < text.length; at += size) shown += filter.pass(text.slice(at, at + size));
  return shown;
}

void test("text, colours, titles and links pass", () => {
  const text = "a\x1b[1;31mred\x1b[0m\x1b[2K\x1b]0;title\x07\x1b]8;;https://example.org\x1b\\link\x1b]8;;\x1b\\ é😀\r\n\x1b(B";
  for (const size of [1, 2, 3, 7, 1000]) assert.equal(inParts(text, size), text);
});

void test("strings to the terminal itself don't, however they are cut", () => {
  const strings = [CLIPBOARD, "\x1b]52;c;x\x1b\\", "\x1b]633;E;rm -rf ~\x07", "\x1b]1337;File=x\x07", "\x1bP+q544e\x1b\\", "\x1b_Gq\x1b\\", "\x1b^x\x1b\\", "\x9d52;c;x\x9c"];
  for (const string of strings) {
    for (const size of [1, 2, 3, 5, 1000]) assert.equal(inParts(`before${string}after`, size), "beforeafter", JSON.stringify(string));
  }
});

void test("what never ends is neither shown nor kept", () => {
  const filter = new SequenceFilter();
  assert.equal(filter.pass(`a\x1b]52;${"x".repeat(10_000)}`), "a");
  for (let more = 0; more < 100; more++) assert.equal(filter.pass("y".repeat(10_000)), "");
  assert.ok(JSON.stringify(filter).length < 10_000);
  assert.equal(filter.pass("\x07b"), "b");
});

void test("plain text has no sequences and no marks that turn it", () => {
  assert.equal(plain(`\x1b[1;31mred\x1b[0m ${CLIPBOARD}a\u202eb\x07\r\n\tc`), "red ab\n\tc");
});

void test("places of the workspace are found, in whatever way they are written", () => {
  const at = (line: string): [string, number, number][] => placesIn(line, "/workspace").map((one) => [one.path, one.line, one.column]);
  assert.deepEqual(at('  File "/workspace/a b.py", line 9, in <module>'), [["a b.py", 9, 1]]);
  assert.deepEqual(at('  File "/workspace/src/a.py", line 9, in <module>'), [["src/a.py", 9, 1]]);
  assert.deepEqual(at("    at f (/workspace/a.js:3:14)"), [["a.js", 3, 14]]);
  assert.deepEqual(at("/workspace/a.go:5 +0x1d and /workspace/b.ts(7,2): error"), [["a.go", 5, 1], ["b.ts", 7, 2]]);
  assert.deepEqual(at("nothing of /workspaces/x.py:3"), []);
});

void test("a part of a block stands by itself", () => {
  assert.equal(dedent("    if x:\n        y\n\n    z"), "if x:\n    y\n\nz");
  assert.equal(dedent("\ta\n    b"), "\ta\n    b");
  assert.equal(dedent("a\n  b"), "a\n  b");
});

void test("arguments are words with quotes", () => {
  assert.deepEqual(split(`one 'two words' "a \\"b\\" $x" c\\ d '' e'f'`), ["one", "two words", 'a "b" $x', "c d", "", "ef"]);
  assert.deepEqual(split("  "), []);
  assert.throws(() => split("'open"), /no second '/);
  const words = ["plain", "two words", "it's", "", "$HOME", "a\\b", '"'];
  assert.deepEqual(split(join(words)), words);
});

void test("every outcome has words", () => {
  assert.equal(tellEnding({ outcome: "ok", durationMs: 12 }), "ended well after 12 ms");
  assert.equal(tellEnding({ outcome: "error", exitCode: 3, durationMs: 1500 }), "ended with code 3 after 1.5 s");
  assert.equal(tellEnding({ outcome: "killed", signal: "SIGKILL", durationMs: 1 }), "was ended by SIGKILL after 1 ms");
});

void test("the doctor's words stay words", () => {
  const report = render({ daemon: ["x"], checks: [
    { id: "ok.one", status: "ok", summary: "start it (`x *y*`), or not" },
    { id: "bad.one", status: "failed", summary: "[x](command:evil) <b>", reason: "why\n# not a title", fix: { description: "mend", command: "apt-get install x" } },
  ] });
  assert.ok(report.indexOf("bad.one") < report.indexOf("ok.one"), "what is wrong comes first");
  assert.ok(report.includes("\\[x\\](command:evil) \\<b\\>"));
  assert.ok(report.includes("start it (`x *y*`), or not"), "code stays code");
  assert.ok(!/^# not/m.test(report));
  assert.ok(report.includes("    apt-get install x"));
});

void test("names of files go to and fro", () => {
  for (const path of ["", "a", "a/b c.py"]) assert.deepEqual(parse(format({ sessionId: "ses_1", path })), { sessionId: "ses_1", path });
  assert.deepEqual(parse("/ses_1//a/"), { sessionId: "ses_1", path: "a" });
  assert.equal(parse("/"), undefined);
});
