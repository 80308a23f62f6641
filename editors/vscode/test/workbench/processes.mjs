// What an editor takes along when it goes, and how fast and large it is while it is there.
import assert from "node:assert/strict";
import { readFileSync, readdirSync, readlinkSync, realpathSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { breakpoint, daemon, stopped } from "./desk.mjs";

/** Processes by a condition on their id. */
const processes = (condition) => readdirSync("/proc").filter((name) => /^\d+$/.test(name)).map(Number).filter((pid) => {
  try {
    return condition(pid);
  } catch {
    return false; // It has just ended.
  }
});
const parentOf = (pid) => Number(readFileSync(`/proc/${pid}/stat`, "utf8").replace(/^.*\) /s, "").split(" ")[1]);
const isAlive = (pid) => {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
  } catch {
    return false;
  }
};
function below(pid) {
  const children = processes((one) => parentOf(one) === pid);
  return [...children, ...children.flatMap(below)];
}
/** The extension host of a desk, and the daemon that it has started. */
function hostOf(desk) {
  const daemons = processes((pid) => readlinkSync(`/proc/${pid}/exe`) === realpathSync(daemon) && readFileSync(`/proc/${pid}/environ`, "utf8").includes(`HOME=${desk.scratch}`) && parentOf(pid) > 1
    && readFileSync(`/proc/${parentOf(pid)}/cmdline`, "utf8").includes("extensionHost"));
  assert.equal(daemons.length, 1, "one daemon runs");
  return { daemonPid: daemons[0], hostPid: parentOf(daemons[0]) };
}

export const flows = {
  async "first-output-and-memory"(desk) {
    await desk.openFile("hello.py");
    await desk.page.locator(".codelens-decoration a", { hasText: "Run" }).first().waitFor();
    const times = [];
    for (let round = 0; round < 8; round++) {
      writeFileSync(join(desk.folder, "round.txt"), String(round));
      await desk.page.locator(".monaco-editor .view-line").first().click();
      const begin = Date.now();
      await desk.page.keyboard.press("Control+Alt+R");
      await desk.page.waitForFunction((wanted) => [...document.querySelectorAll(".terminal-wrapper.active .xterm-rows > div")]
        .some((row) => row.textContent.replace(/\u00a0/g, " ").startsWith(wanted)), `round ${round}`, { polling: "raf" });
      times.push(Date.now() - begin);
      await desk.terminal(/ended well/);
    }
    const { hostPid, daemonPid } = hostOf(desk);
    const rss = (pid) => `${(Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))[1]) / 1024).toFixed(0)} MiB`;
    const [first, ...others] = times;
    others.sort((a, b) => a - b);
    console.log(`       first run ${first} ms, then ${others[Math.floor(others.length / 2)]} ms (median) from the key to the output on screen; extension host ${rss(hostPid)}, daemon ${rss(daemonPid)}`);
  },

  async "editor-is-killed"(desk) {
    await desk.openFile("steps.py");
    await breakpoint(desk, "total += number");
    await desk.lens("Debug");
    await stopped(desk);
    const { hostPid, daemonPid } = hostOf(desk);
    const all = [daemonPid, ...below(daemonPid)];
    assert(all.length > 1, "something is debugged");
    process.kill(hostPid, "SIGKILL");
    await desk.until(() => !all.some(isAlive), "all to be gone", () => String(all.filter(isAlive)));
  },
};
