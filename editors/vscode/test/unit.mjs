// Bundles the unit tests and runs them: node test/unit.mjs
import { spawnSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { buildSync } from "esbuild";

const here = dirname(fileURLToPath(import.meta.url));
const out = join(here, "../target/unit");
const entryPoints = readdirSync(join(here, "unit")).map((name) => join(here, "unit", name));
buildSync({ entryPoints, bundle: true, outdir: out, outExtension: { ".js": ".mjs" }, platform: "node", format: "esm", sourcemap: "inline", external: ["vscode"] });
const tests = readdirSync(out).filter((name) => name.endsWith(".test.mjs")).map((name) => join(out, name));
process.exit(spawnSync(process.execPath, ["--enable-source-maps", "--test", ...tests], { stdio: "inherit", cwd: join(here, "..") }).status ?? 1);
