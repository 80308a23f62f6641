// What a person does, and what they must see.
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { buildSync } from "esbuild";
import * as cells from "./cells.mjs";
import { breakpoint, daemon, extension, open, stopped } from "./desk.mjs";
import * as processes from "./processes.mjs";
import { files, reach } from "./programs.mjs";

/** Bundles what the extension host is to run. */
function hostTests() {
  const outfile = join(extension, "target/host/index.js");
  buildSync({ entryPoints: [join(extension, "test/host/index.ts")], bundle: true, outfile, external: ["vscode"], format: "cjs", platform: "node", sourcemap: "inline" });
  return outfile;
}

const ready = async (desk) => {
  await desk.page.keyboard.press("Escape");
  await desk.status("CodeBeaker");
};

const ended = (desk) => desk.page.waitForSelector(".debug-toolbar", { state: "hidden" });

const general = {
  async "run-and-type"(desk) {
    await desk.openFile("greet.py");
    await ready(desk);
    await desk.lens("Run");
    await desk.terminal("colour True");
    await desk.terminal("name?");
    await desk.type("Ada\n");
    await desk.terminal("hello Ada");
    await desk.terminal(/ended well after/);
    // The colour is one, not text.
    assert(!(await desk.terminalText()).includes("[1;35m"));
  },

  async "run-unsaved"(desk) {
    await desk.openFile("steps.py");
    await desk.page.locator(".monaco-editor .view-line", { hasText: "total" }).first().click();
    await desk.page.keyboard.press("Control+Home");
    await desk.page.keyboard.type("print('typed, and not saved')\n");
    await desk.command("Run File in a Sandbox");
    await desk.terminal("typed, and not saved");
    await desk.terminal("total 3");
    assert(!readFileSync(join(desk.folder, "steps.py"), "utf8").includes("typed"), "nothing is saved");
    await desk.page.locator(".monaco-editor .view-line").first().click();
    await desk.command("Revert File", "File");
    await desk.page.waitForSelector('.tab.active:not(.dirty)[data-resource-name="steps.py"]');
  },

  async "selection-and-inline-result"(desk) {
    await desk.openFile("greet.py");
    await desk.page.locator(".monaco-editor .view-line", { hasText: "colour" }).first().click();
    await desk.page.keyboard.press("Home");
    await desk.page.keyboard.type("import platform; print('part', 6 * 7) # ");
    await desk.command("Run Selection or Line in a Sandbox");
    await desk.terminal("part 42");
    const behind = () => desk.behind();
    await desk.until(async () => (await behind()).includes("part 42"), "the inline result", behind);
    await desk.shot("selection-and-inline-result-shown");
    await desk.command("Clear Inline Results");
    await desk.until(async () => !(await behind()).includes("part 42"), "the inline result to go", behind);
    await desk.page.locator(".monaco-editor .view-line").first().click();
    await desk.page.keyboard.press("Control+Z");
  },

  async "arguments"(desk) {
    await desk.openFile("writes.py");
    await desk.command("Run File with Arguments…");
    const input = desk.page.locator(".quick-input-widget input.input").first();
    await input.fill("one 'two words'");
    await desk.page.keyboard.press("Enter");
    await desk.terminal("arguments ['one', 'two words']");
    await desk.terminal("wrote made in the sandbox");
    assert(!existsSync(join(desk.folder, "made.txt")), "the folder stays as it is");
  },

  async "run-compiled"(desk) {
    await desk.openFile("hello.c");
    await ready(desk);
    await desk.lens("Run");
    await desk.terminal("hello from c");
    await desk.terminal(/ended well after/);
  },

  async "stop"(desk) {
    await desk.openFile("forever.py");
    await desk.command("Run File in a Sandbox");
    await desk.terminal("going");
    await desk.status("1 running");
    await desk.shot("stop-running");
    await desk.page.locator(".statusbar-item", { hasText: "1 running" }).first().click();
    await desk.terminal(/KeyboardInterrupt|was stopped|was ended/);
    await desk.terminal(/after [\d.]+ m?s/);
  },

  async "interrupt-by-key"(desk) {
    await desk.openFile("forever.py");
    await desk.command("Run File in a Sandbox");
    // Not what its run before has left there.
    await desk.terminal(/▶ forever.py\s+going\s*$/);
    await desk.page.locator(".terminal-wrapper.active .xterm").click();
    await desk.page.keyboard.press("Control+C");
    await desk.terminal("KeyboardInterrupt");
    await desk.terminal(/after [\d.]+ m?s/);
  },

  async "frames-lead-to-lines"(desk) {
    await desk.openFile("fails.py");
    await desk.lens("Run");
    await desk.terminal("ZeroDivisionError");
    await desk.terminal(/ended with code 1/);
    await desk.openFile("greet.py");
    const row = desk.page.locator(".terminal-wrapper.active .xterm-rows > div", { hasText: "line 2" }).first();
    const box = await row.boundingBox();
    await desk.until(async () => {
      await desk.page.mouse.move(box.x + 60, box.y + box.height / 2);
      await desk.page.waitForTimeout(300);
      await desk.page.mouse.move(box.x + 90, box.y + box.height / 2, { steps: 5 });
      await desk.page.waitForTimeout(700);
      await desk.page.keyboard.down("Control");
      await desk.page.mouse.click(box.x + 90, box.y + box.height / 2);
      await desk.page.keyboard.up("Control");
      await desk.page.waitForTimeout(700);
      return (await desk.page.locator(".tab.active").getAttribute("data-resource-name")) === "fails.py";
    }, "the link to lead to fails.py");
    await desk.until(async () => (await desk.page.locator(".statusbar").innerText()).includes("Ln 2"), "line 2");
  },

  async "session-tree-and-files"(desk) {
    await desk.openFile("writes.py");
    await desk.command("Open a Session…");
    await desk.page.locator(".quick-input-title", { hasText: "Where are programs to run?" }).waitFor();
    await desk.pick("The best there is");
    await desk.page.locator(".quick-input-title", { hasText: "Which engine?" }).waitFor();
    await desk.shot("session-engine-pick");
    await desk.pick("python");
    await desk.status("CodeBeaker: native");
    await desk.command("Run File in a Sandbox");
    await desk.terminal("wrote made in the sandbox");
    await desk.page.locator(".activitybar [aria-label*='CodeBeaker']").first().click();
    const rows = desk.page.locator(".sidebar .monaco-list-row");
    await rows.filter({ hasText: "runs go here" }).waitFor();
    await rows.filter({ hasText: "ended well" }).first().waitFor();
    await rows.filter({ hasText: "Files" }).first().click();
    await rows.filter({ hasText: "made.txt" }).first().click();
    await desk.page.waitForSelector('.tab.active[data-resource-name="made.txt"]');
    await desk.until(async () => (await desk.page.locator(".monaco-editor .view-lines").first().innerText()).replace(/\u00a0/g, " ").includes("made in the sandbox"), "the file's text");
    await desk.shot("session-tree-and-files-open");
    // Saved into the sandbox, and read there by the next program.
    await desk.page.locator(".monaco-editor .view-line").first().click();
    await desk.page.keyboard.press("Control+Home");
    await desk.page.keyboard.type("edited, ");
    await desk.page.keyboard.press("Control+S");
    await desk.page.waitForSelector('.tab.active:not(.dirty)[data-resource-name="made.txt"]');
    await desk.command("Open a Shell in a Session");
    await desk.page.waitForTimeout(500);
    await desk.type("cat made.txt; exit\n");
    await desk.terminal("edited, made in the sandbox");
    assert(!existsSync(join(desk.folder, "made.txt")), "the folder stays as it is");
  },

  async "packages"(desk) {
    const box = desk.page.locator(".quick-input-widget input.input").first();
    const ask = async (line) => {
      await desk.command("Install Packages…");
      await desk.pick("pip");
      await box.fill(line);
      await desk.page.keyboard.press("Enter");
    };
    await ask("tiny --pre");
    await desk.toast("--pre");
    await desk.shot("packages-refused");
    await ask("tiny==1.0");
    if (!hasPip) return desk.toast("pip");
    await desk.toast("The session has tiny 1.0");
    await desk.openFile("uses.py");
    await desk.command("Run File in a Sandbox");
    await desk.terminal("it is tiny 1.0");
  },

  async "close-session"(desk) {
    await desk.command("Close Session");
    await desk.page.locator(".sidebar", { hasText: "No session is open" }).waitFor();
    await desk.page.locator(".activitybar [aria-label*='Explorer']").first().click();
  },

  async "debug-without-launch-json"(desk) {
    await desk.openFile("steps.py");
    await breakpoint(desk, "total += number");
    await desk.page.keyboard.press("F5");
    await desk.page.waitForTimeout(500);
    const picker = desk.page.locator(".quick-input-list .monaco-list-row", { hasText: "CodeBeaker" }).first();
    if (await picker.isVisible()) await picker.click();
    await stopped(desk);
    const variables = desk.page.locator(".debug-variables .monaco-list-row");
    await desk.page.waitForTimeout(1000);
    if (!(await desk.page.locator(".debug-variables").isVisible())) await desk.page.locator(".activitybar [aria-label*='Run and Debug']").first().click();
    // At the level of the module there are globals alone, which the editor doesn't open by itself.
    await variables.filter({ hasText: "Globals" }).first().click();
    await desk.until(async () => (await variables.allInnerTexts()).join(" ").includes("number"), "the variables");
    await desk.page.keyboard.press("F10");
    await desk.page.waitForTimeout(300);
    await stopped(desk);
    await desk.shot("debug-stopped");
  },

  async "debug-console"(desk) {
    await desk.page.keyboard.press("Control+Shift+Y");
    const console_ = desk.page.locator(".repl-input-wrapper .view-line").first();
    await console_.click();
    await desk.page.keyboard.type("total + 1000");
    await desk.page.keyboard.press("Enter");
    await desk.until(async () => (await desk.page.locator(".repl-tree").innerText()).includes("1000"), "the answer of the console",
      () => desk.page.locator(".repl-tree").innerText());
    await desk.shot("debug-console-answer");
    await desk.page.keyboard.press("Shift+F5");
    await ended(desk);
  },

  async "debug-child"(desk) {
    await desk.openFile("child.py");
    await breakpoint(desk, "print(word)");
    await desk.openFile("parent.py");
    await desk.lens("Debug");
    await stopped(desk);
    await desk.until(async () => /child\.py/.test(await desk.page.locator(".debug-call-stack").innerText()), "the child's stack",
      () => desk.page.locator(".debug-call-stack").innerText());
    await desk.shot("debug-child-stopped");
    await desk.page.keyboard.press("F5");
    await ended(desk);
  },

  async "doctor"(desk) {
    await desk.command("Doctor");
    const frame = () => desk.page.frames().find((one) => one.name().length > 0 && one !== desk.page.mainFrame());
    await desk.until(async () => {
      for (const one of desk.page.frames()) {
        const text = await one.evaluate(() => document.body?.innerText ?? "").catch(() => "");
        if (text.includes("runtime.native")) return true;
      }
      return false;
    }, "the doctor's report", () => String(frame()?.url()));
    await desk.page.waitForTimeout(500);
  },
};

const withLaunchJson = {
  async "debug-with-launch-json"(desk) {
    await desk.openFile("arguments.py");
    await breakpoint(desk, "print");
    await desk.page.keyboard.press("F5");
    await stopped(desk);
    await desk.page.keyboard.press("F5");
    await ended(desk);
    await desk.page.keyboard.press("Control+Shift+Y");
    await desk.until(async () => (await desk.page.locator(".repl-tree").innerText()).includes("from launch.json"), "the argument in the console",
      () => desk.page.locator(".repl-tree").innerText());
  },

  async "diagnostics"(desk) {
    await desk.openFile("fails.py");
    await desk.lens("Run");
    await desk.terminal("ZeroDivisionError");
    await desk.page.waitForSelector(".squiggly-error");
    await desk.page.keyboard.press("Control+Shift+M");
    await desk.until(async () => (await desk.page.locator(".markers-panel").innerText()).includes("ZeroDivisionError"), "the problem");
  },
};

const networked = {
  async "network-asks"(desk) {
    const answer = async (button) => {
      await desk.openFile("reach.py");
      await desk.command("Run File in a Sandbox");
      await desk.toast("wants to reach nowhere.invalid at port 80");
      await desk.shot("network-asks-question");
      await desk.page.locator(".notification-toast .monaco-button", { hasText: button }).first().click();
    };
    await answer("Deny");
    await desk.terminal("answer 403");
    // Now it is looked for, and there is no such host.
    await answer("Allow Once");
    await desk.terminal("answer 502");
  },
};

const lost = {
  async "missing-binary"(desk) {
    await desk.openFile("steps.py");
    await desk.page.locator(".notification-toast", { hasText: "was not found on this machine" }).waitFor();
    await desk.page.locator(".notification-toast", { hasText: "How to Get It" }).waitFor();
    await desk.page.locator(".activitybar [aria-label*='CodeBeaker']").first().click();
    await desk.page.locator(".sidebar", { hasText: "It is used as soon as it is there" }).waitFor();
    await desk.page.locator(".statusbar-item.warning-kind", { hasText: "CodeBeaker" }).waitFor();
  },

  async "walkthrough"(desk) {
    await desk.page.locator(".notification-toast a, .notification-toast .monaco-button", { hasText: "How to Get It" }).first().click();
    await desk.page.locator(".gettingStartedContainer", { hasText: "Get the daemon" }).waitFor();
    await desk.page.waitForTimeout(500);
  },

  async "mends-itself"(desk) {
    const bin = join(desk.scratch, ".cargo/bin");
    mkdirSync(bin, { recursive: true });
    // What is there at first is no daemon, as half of a file is none.
    writeFileSync(join(bin, "codebeaker"), "#!/bin/sh\necho half\n", { mode: 0o755 });
    await desk.page.locator(".notification-toast", { hasText: "is not CodeBeaker's daemon" }).waitFor();
    await desk.shot("mends-itself-half");
    copyFileSync(daemon, join(bin, "codebeaker"));
    await desk.page.locator(".sidebar", { hasText: "No session is open" }).waitFor();
    await desk.openFile("steps.py");
    await desk.lens("Run");
    await desk.terminal("total 3");
  },
};

const untrusted = {
  async "restricted-mode"(desk) {
    await desk.openFile("steps.py");
    // The workspace's settings name a daemon that there is not: they don't count, and there are lenses. Nothing runs.
    await desk.lens("Run");
    await desk.page.locator(".notification-toast", { hasText: "once you trust it" }).waitFor();
    assert.equal(await desk.page.locator(".terminal-wrapper").count(), 0, "nothing has run");
  },
};

const host = {
  async "extension-host"(desk) {
    assert.equal(await desk.tested.code, 0, "all passed in the extension host");
  },
};

const hasPip = spawnSync("/usr/bin/python3", ["-m", "pip", "--version"]).status === 0;

/** A desk whose daemon installs from a registry of the tests'. */
async function withRegistry() {
  const registry = spawn("python3", [join(extension, "../../tests/packages/registry.py")], { stdio: ["pipe", "pipe", "inherit"] });
  const port = await new Promise((done) => registry.stdout.once("data", (data) => done(String(data).trim())));
  const config = `[packages]\npip-index = "http://127.0.0.1:${port}/simple"\nnpm-registry = "http://127.0.0.1:${port}/"\nhosts = []\n`;
  const end = () => registry.kill();
  try {
    const desk = await open({ files: { ...files, "uses.py": 'import tiny\n\nprint("it is", tiny.NAME)\n' }, config });
    const close = desk.close;
    desk.close = () => close().finally(end);
    return desk;
  } catch (error) {
    end();
    throw error;
  }
}

export const desks = [
  { open: () => open({ files: { ...files, "arguments.py": 'import os, sys\n\nprint(sys.argv[1:], os.environ.get("A"))\n' }, tests: hostTests() }), flows: host },
  { open: withRegistry, flows: general },
  { open: cells.withOutside, flows: cells.flows },
  {
    open: () =>
      open({
        files: {
          ...files,
          "arguments.py": "import sys\n\nprint(sys.argv[1])\n",
          ".vscode/launch.json": JSON.stringify({ version: "0.2.0", configurations: [
            { type: "codebeaker", request: "launch", name: "In a sandbox", program: "${file}", cwd: "${workspaceFolder}", args: ["from launch.json"] }] }),
        },
      }),
    flows: withLaunchJson,
  },
  { open: () => open({ files: { "reach.py": reach }, more: { "codebeaker.session.network": "allowlist" } }), flows: networked },
  { open: () => open({ files, env: { CODEBEAKER_BIN: "", PATH: "/usr/bin:/bin" } }), flows: lost },
  {
    open: () => open({ files: { ...files, ".vscode/settings.json": '{"codebeaker.server.path": "/nowhere/codebeaker"}' }, trust: true }),
    flows: untrusted,
  },
  { open: () => open({ files: { ...files, "hello.py": 'print("round", open("round.txt").read())\n', "round.txt": "" } }), flows: processes.flows },
];
