// Writes src/protocol.ts from the generated tables of protocol.md, which come from the daemon's own types.
//   node scripts/protocol.mjs [--check]
// With --check nothing is written, and it fails where the file is not what it would write.
import { readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const FILE = join(root, "src/protocol.ts");
const document = readFileSync(join(root, "../../protocol.md"), "utf8");

// What the extension uses. A name that the daemon has no more makes this fail.
const METHODS = [
  "server/info", "server/doctor", "runtime/list", "engine/list",
  "session/create", "session/get", "session/list", "session/close", "session/execute",
  "execution/list", "execution/get", "execution/read", "execution/stdin", "execution/interrupt", "execution/kill", "execution/resizePty",
  "context/create", "context/list", "context/restart", "context/delete", "package/install",
  "fs/read", "fs/write", "fs/list", "fs/stat", "fs/mkdir", "fs/remove", "fs/move", "fs/copy", "fs/watch", "fs/unwatch",
  "debug/start", "debug/terminate",
];
const COMMANDS = ["codebeaker.run", "codebeaker.runCell", "codebeaker.restartContext", "codebeaker.debug", "codebeaker.stop", "codebeaker.newSession", "codebeaker.closeSession"];
const ASKED = ["execution/inputRequest", "net/ask"];
const NOTIFICATIONS = [
  "execution/started", "execution/output", "execution/outputGap", "execution/display", "execution/exited",
  "session/stateChanged", "context/stateChanged", "fs/changed", "debug/message", "debug/terminated",
];

/** The text of a generated part. */
function partOf(name) {
  const found = document.split(`<!-- generated: ${name} -->\n`)[1];
  if (found === undefined) throw new Error(`protocol.md has no part ${name}`);
  return found.split("<!-- end generated -->")[0];
}

/** What stands under a heading of a part; the whole part where none is meant. */
function sectionOf(name, heading) {
  const part = partOf(name);
  if (heading === undefined) return part;
  const found = part.split(`**${heading}**\n`)[1];
  if (found === undefined) throw new Error(`${name} has no ${heading}`);
  return found.split("\n**")[0].split("\n## ")[0];
}

/** The rows of a table: the path of a field as a list of names, its type, whether it may be absent, and what it is. */
function rowsOf(text) {
  return text.split("\n").filter((line) => line.startsWith("| `")).map((line) => {
    const cells = line.slice(2, -2).split(/ (?<!\\)\| /);
    const name = cells[0].replaceAll("`", "").replaceAll("[]", "");
    const isOptional = name.endsWith("?") || (cells.length === 4 && cells[2].trim() !== "required");
    return { path: name.replace(/\?$/, "").split("."), kind: cells[1].trim(), isOptional, about: cells.at(-1).trim() };
  });
}

/** The rows as a tree. */
function treeOf(rows) {
  const tree = { children: [] };
  for (const row of rows) {
    let at = tree;
    for (const name of row.path.slice(0, -1)) at = at.children.find((one) => one.name === name) ?? fail(`${row.path.join(".")} has no parent`);
    at.children.push({ ...row, name: row.path.at(-1), children: [] });
  }
  return tree;
}

function fail(message) {
  throw new Error(message);
}

const camel = (name) => name.split(/[./ ]/).map((word) => word.charAt(0).toUpperCase() + word.slice(1)).join("").replace(/^Codebeaker/, "");
const field = (name) => (/^\w+$/.test(name) ? name : JSON.stringify(name));

/** Writes the bodies of interfaces. `isOurs`: we make it, and may fill it in step by step. */
function writer(isOurs) {
  const mark = isOurs ? "" : "readonly ";
  const typeOf = (kind, node, above, indent) => {
    const array = /^array of (.*)$/.exec(kind);
    if (array !== null) return `${mark}${brackets(typeOf(array[1], node, above, indent))}[]`;
    const map = /^map to (.*)$/.exec(kind);
    if (map !== null) return record(typeOf(map[1], node, above, indent));
    if (kind.includes("`")) return kind.replaceAll("`", '"').replaceAll("\\|", "|");
    if (kind.includes(" or ")) return kind.split(" or ").map((one) => typeOf(one, node, above, indent)).join(" | ");
    if (kind === "integer" || kind === "number") return "number";
    if (kind === "any") return "unknown";
    if (kind !== "object") return kind;
    const same = /Its fields are those of `([^`]+)`/.exec(node.about);
    const { children } = same === null ? node : findFrom(above, same[1]);
    return children.length === 0 ? record("unknown") : bodyOf(children, above, indent);
  };
  const brackets = (type) => (type.includes(" | ") && !type.startsWith("{") ? `(${type})` : type);
  const record = (of) => (isOurs ? `Record<string, ${of}>` : `Readonly<Record<string, ${of}>>`);
  const bodyOf = (nodes, above, indent) => {
    const lines = nodes.flatMap((node) => {
      const about = node.about.split("<br>")[0].replace(/\[([^\]]+)\]\([^)]*\)/g, "$1").replaceAll("\\|", "|").replaceAll("*/", "* /");
      const type = typeOf(node.kind, node, [node, ...above], `${indent}  `);
      return [`${indent}  /** ${about} */`, `${indent}  ${mark}${field(node.name)}${node.isOptional ? "?" : ""}: ${type};`];
    });
    return `{\n${lines.join("\n")}\n${indent}}`;
  };
  return (tree) => bodyOf(tree.children, [tree], "");
}

/** The field that a path names, from the nearest object that has it. */
function findFrom(above, path) {
  for (const from of above) {
    let at = from;
    for (const name of path.replaceAll("[]", "").split(".")) at = at?.children.find((one) => one.name === name);
    if (at !== undefined) return at;
  }
  return fail(`nothing is called ${path}`);
}

/** The declaration of what stands under a heading. Some are said to be as another. */
function declare(name, part, heading, isOurs) {
  const text = sectionOf(part, heading);
  const same = /^As of \[`([^`]+)`\]/m.exec(text);
  if (same !== null) {
    const isMethod = METHODS.includes(same[1]) || fail(`${part} is as ${same[1]}, which is not among the methods here`);
    return isMethod && `export type ${name} = ${camel(same[1])}${isOurs ? "Params" : "Result"};`;
  }
  const tree = treeOf(rowsOf(text));
  if (tree.children.length === 0) return `export type ${name} = Record<string, never>;`;
  return `export interface ${name} ${writer(isOurs)(tree)}`;
}

function generate() {
  const out = [
    "/**",
    " * The shapes of the daemon's protocol, as far as the extension uses them.",
    " *",
    " * Generated from protocol.md by scripts/protocol.mjs, which has the list; a unit test compares the two.",
    " */",
    "",
    "/** What the daemon says of itself in its answer to `initialize`. */",
    declare("InitializeServer", "initialize server", undefined, false),
  ];
  const table = (title, name, rows) => out.push("", `/** ${title} */`, `export interface ${name} {`, ...rows, "}");
  const both = (names, params, result) => {
    for (const name of names) {
      out.push("", declare(`${camel(name)}Params`, name, params, true), "", declare(`${camel(name)}Result`, name, result, false));
    }
    return names.map((name) => `  "${name}": [${camel(name)}Params, ${camel(name)}Result];`);
  };
  const methods = both(METHODS, "Parameters", "Result");
  const commands = both(COMMANDS, "Argument", "Result");
  for (const name of NOTIFICATIONS) out.push("", declare(camel(name), name, "Parameters", false));
  for (const name of ASKED) {
    out.push("", declare(`${camel(name)}Params`, name, "Parameters", false), "", declare(`${camel(name)}Answer`, name, "The client answers", true));
  }
  table("Each method that is called: its parameters and its result.", "Methods", methods);
  table("Each command of `workspace/executeCommand` that is used: its argument and its result.", "Commands", commands);
  table("Each notification that is listened to, and its parameters.", "Notifications", NOTIFICATIONS.map((name) => `  "${name}": ${camel(name)};`));
  table("Each request of the daemon's that is answered.", "Asked", ASKED.map((name) => `  "${name}": [${camel(name)}Params, ${camel(name)}Answer];`));
  const codes = partOf("errors").split("\n").map((line) => /^\| (-?\d+) \| `(\w+)`/.exec(line)).filter(Boolean);
  out.push("", "/** Numbers of errors. They never change their meaning. */", "export const Code = {");
  out.push(...codes.map(([, number, kind]) => `  ${kind}: ${number},`), "} as const;", "");
  return out.join("\n");
}

const wanted = generate();
if (!process.argv.includes("--check")) {
  writeFileSync(FILE, wanted);
} else if (readFileSync(FILE, "utf8") !== wanted) {
  console.error("src/protocol.ts is not what protocol.md gives; to update it: npm run protocol");
  process.exit(1);
}
