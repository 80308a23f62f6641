// StyLua as npm carries it, a library: says which files it would write otherwise, or with --write writes them.
//   node scripts/format.mjs [--write]
// The package is looked for in CODEBEAKER_TOOLS, where the tests' tools are, and then as Node does.
import { readFileSync, readdirSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join, relative } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const places = [process.env.CODEBEAKER_TOOLS, join(root, "../../target/tools"), root].filter(Boolean);
const resolved = createRequire(import.meta.url).resolve("@johnnymorganz/stylua", { paths: places });
const stylua = await import(pathToFileURL(resolved));
const { Config, IndentType, LuaVersion, OutputVerification, QuoteStyle, formatCode } = stylua;

// The names in .stylua.toml are those of the library, but for their case.
const settings = Object.fromEntries(
  [...readFileSync(join(root, ".stylua.toml"), "utf8").matchAll(/^(\w+) = "?([^"\n]+)"?$/gm)].map((found) => found.slice(1)),
);
const kinds = { syntax: LuaVersion, indent_type: IndentType, quote_style: QuoteStyle };

// Each call of the library takes its configuration away.
function configuration() {
  const config = Config.new();
  for (const [name, value] of Object.entries(settings)) {
    const kind = kinds[name];
    const known = kind ? kind[value] : Number(value);
    if (known === undefined || Number.isNaN(known)) throw new Error(`.stylua.toml: ${name} can't be ${value}`);
    config[name] = known;
  }
  return config;
}

const files = readdirSync(root, { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile() && entry.name.endsWith(".lua") && !entry.parentPath.includes("node_modules"))
  .map((entry) => join(entry.parentPath, entry.name));
const write = process.argv.includes("--write");
let wrong = 0;
for (const file of files) {
  const found = readFileSync(file, "utf8");
  const formatted = formatCode(found, configuration(), undefined, OutputVerification.Full);
  if (found === formatted) continue;
  wrong += 1;
  if (write) writeFileSync(file, formatted);
  console.log(`${write ? "written" : "not formatted"}: ${relative(root, file)}`);
}
process.exit(wrong && !write ? 1 : 0);
