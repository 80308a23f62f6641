// The tests in the extension host, and the flows, each in its desk or in a shared one:  node test/workbench/run.mjs [NAME…]
import { appendFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { extension, missing } from "./desk.mjs";
import { desks } from "./flows.mjs";

const lacking = missing();
if (lacking.length > 0) {
  const line = `skipped: editors/vscode: the workbench: there is no ${lacking.join(", no ")}`;
  console.error(line);
  if (process.env.CODEBEAKER_SKIPS) appendFileSync(process.env.CODEBEAKER_SKIPS, `${line}\n`);
  process.exit(process.env.CODEBEAKER_REQUIRE_ALL === "1" ? 1 : 0);
}
const wanted = process.argv.slice(2);
const failed = [];
let passed = 0;
if (wanted.length === 0) rmSync(join(extension, "target/shots"), { recursive: true, force: true });
for (const { open, flows } of desks) {
  const chosen = Object.entries(flows).filter(([name]) => wanted.length === 0 || wanted.some((one) => name.includes(one)));
  if (chosen.length === 0) continue;
  const desk = await open();
  try {
    for (const [name, flow] of chosen) {
      const begin = Date.now();
      try {
        await flow(desk);
        await desk.shot(name);
        passed += 1;
        console.log(`ok     ${name} (${((Date.now() - begin) / 1000).toFixed(1)} s)`);
      } catch (error) {
        failed.push(name);
        await desk.shot(`${name}-failed`).catch(() => {});
        console.log(`FAILED ${name}\n${error.stack ?? error}`);
      }
    }
  } finally {
    await desk.close();
  }
}
console.log(`${passed} passed, ${failed.length} failed${failed.length > 0 ? `: ${failed.join(", ")}` : ""}`);
process.exit(failed.length === 0 && passed > 0 ? 0 : 1);
