// A desk: VS Code's server with the extension, a folder of programs, and a browser that looks at it.
import { spawn, execFileSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { createServer } from "node:net";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";

const here = dirname(fileURLToPath(import.meta.url));
export const extension = resolve(here, "../..");
const tools = resolve(process.env.CODEBEAKER_TOOLS ?? join(extension, "../../target/tools"), "vscode");
export const daemon = resolve(process.env.CODEBEAKER_BIN ?? join(extension, "../../target/debug/codebeaker"));
const browser = process.env.CHROMIUM ?? "/usr/bin/chromium";

/** What is missing to open a desk, or nothing. */
export function missing() {
  const needed = { "VS Code (scripts/tools.sh)": join(tools, "node/bin/node"), "chromium (or CHROMIUM)": browser, "the daemon (CODEBEAKER_BIN)": daemon };
  return Object.entries(needed).filter(([, file]) => !existsSync(file)).map(([name]) => name);
}

/** How long anything may take on a machine that is busy. */
export const PATIENCE = Number(process.env.CODEBEAKER_PATIENCE ?? 90_000);

/** How long what may have been lost is waited for before it is done again. */
export const AT_ONCE = PATIENCE / 18;

const settings = {
  "telemetry.telemetryLevel": "off", "update.mode": "none", "extensions.autoUpdate": "off", "extensions.autoCheckUpdates": false,
  "workbench.startupEditor": "none", "workbench.enableExperiments": false, "workbench.tips.enabled": false,
  "chat.disableAIFeatures": true, "workbench.secondarySideBar.defaultVisibility": "hidden", "editor.minimap.enabled": false,
  "settingsSync.enabled": false, "npm.fetchOnlinePackageInfo": false, "git.enabled": false,
  // The browser shows no text of a canvas: its terminal is to be read.
  "terminal.integrated.gpuAcceleration": "off", "files.autoSave": "off",
};

async function freePort() {
  const server = createServer();
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  const { port } = server.address();
  await new Promise((done) => server.close(done));
  return port;
}

/**
 * Opens a desk. `files` are written into its folder, `more` goes over the settings, `config` into the daemon's. With `tests` the extension is not installed
 * but under development, and its host runs that file: `desk.tested` is the code of its end.
 */
export async function open({ files = {}, more = {}, env = {}, trust = false, config = "", tests, shots = join(extension, "target/shots") } = {}) {
  const scratch = mkdtempSync(join(tmpdir(), "codebeaker-desk-"));
  const folder = join(scratch, "project");
  mkdirSync(folder);
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), text);
  }
  const data = join(scratch, "data");
  mkdirSync(join(data, "User"), { recursive: true });
  mkdirSync(join(scratch, "extensions"));
  const all = { ...settings, "security.workspace.trust.enabled": trust, "security.workspace.trust.startupPrompt": "never", ...more };
  writeFileSync(join(data, "User/settings.json"), JSON.stringify(all));
  mkdirSync(shots, { recursive: true });

  const node = join(tools, "node/bin/node");
  const program = join(tools, "code-server/node_modules/code-server/out/node/entry.js");
  const paths = ["--user-data-dir", data, "--extensions-dir", join(scratch, "extensions"), "--config", join(scratch, "none.yaml")];
  const environment = { ...process.env, PATH: "/usr/local/bin:/usr/bin:/bin", EXTENSIONS_GALLERY: "{}", CODEBEAKER_BIN: daemon, HOME: scratch, ...env };
  // One machine is to be as the other: nothing of who runs the tests counts, and native is the only runtime.
  for (const name of ["DOCKER_HOST", "XDG_CONFIG_HOME", "XDG_DATA_HOME"]) delete environment[name];
  mkdirSync(join(scratch, ".config/codebeaker"), { recursive: true });
  writeFileSync(join(scratch, ".config/codebeaker/config.toml"), `[docker]\nenabled = false\n${config}`);
  if (tests === undefined) execFileSync(node, [program, ...paths, "--install-extension", join(extension, "codebeaker.vsix")], { env: environment, stdio: "pipe" });
  const port = await freePort();
  const server = spawn(node, [program, "--auth", "none", "--bind-addr", `127.0.0.1:${port}`, "--disable-telemetry",
    "--disable-update-check", ...(trust ? [] : ["--disable-workspace-trust"]), ...paths, folder], { env: environment, stdio: "ignore", detached: true });
  servers.add(server.pid);
  const url = `http://127.0.0.1:${port}`;
  for (const end = Date.now() + PATIENCE; ; ) {
    if (await fetch(`${url}/healthz`).then((answer) => answer.ok, () => false)) break;
    if (Date.now() > end) throw new Error("VS Code's server did not start");
    await new Promise((done) => setTimeout(done, 200));
  }
  const context = await chromium.launchPersistentContext(join(scratch, "browser"), {
    executablePath: browser, headless: true, viewport: { width: 1400, height: 900 },
    args: ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
      "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage"],
  });
  const page = context.pages()[0] ?? (await context.newPage());
  page.setDefaultTimeout(PATIENCE);
  const tested = tests === undefined ? undefined : await underDevelopment(page, `127.0.0.1:${port}`, tests);
  await page.goto(`${url}/?folder=${folder}`, { waitUntil: "domcontentloaded" });
  await page.waitForSelector(".monaco-workbench .statusbar");
  const desk = new Desk(page, folder, shots);
  desk.close = async () => {
    await context.close().catch(() => {});
    try { process.kill(-server.pid, "SIGTERM"); } catch { /* it has ended */ }
    await new Promise((done) => { if (server.exitCode !== null || server.signalCode !== null) done(); else { server.once("exit", done); setTimeout(done, 10_000); } });
    await gone(scratch, 10_000).finally(() => end(server.pid));
    rmSync(scratch, { recursive: true, force: true, maxRetries: 10, retryDelay: 200 });
  };
  desk.scratch = scratch;
  desk.url = url;
  desk.tested = tested;
  return desk;
}

/** Has the page ask for tests, as `--extensionTestsPath` does; a promise of the code that they end with. */
async function underDevelopment(page, authority, tests) {
  let end;
  const code = new Promise((done) => (end = done));
  // All that the workbench logs comes this way; the words of the suite are what is wanted.
  await page.exposeFunction("codeAutomationLog", (_type, args) => /^(?:ok |FAILED |in the extension host )/.test(args[0]) && console.log(...args));
  await page.exposeFunction("codeAutomationExit", (result) => end(result));
  await page.addInitScript(([host, development, file]) => {
    const uri = (path) => ({ scheme: "vscode-remote", authority: host, path });
    new MutationObserver((_changes, observer) => {
      const element = document.getElementById("vscode-workbench-web-configuration");
      if (element === null) return;
      observer.disconnect();
      const configuration = JSON.parse(element.getAttribute("data-settings"));
      configuration.developmentOptions = { ...configuration.developmentOptions, extensions: [uri(development)], extensionTestsPath: uri(file) };
      element.setAttribute("data-settings", JSON.stringify(configuration));
    }).observe(document, { childList: true, subtree: true });
  }, [authority, extension, tests]);
  const late = new Promise((done) => setTimeout(() => done("none in time"), 4 * PATIENCE).unref());
  // The promise itself must not be awaited by who awaits the desk.
  return { code: Promise.race([code, late]) };
}

const servers = new Set();

function end(pid) {
  servers.delete(pid);
  try { process.kill(-pid, "SIGKILL"); } catch { /* all have ended */ }
}

// Who stops the tests stops the editors too.
process.on("exit", () => servers.forEach(end));
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => process.exit(1));

/** Waits until no process is left of a desk: an editor that goes takes its daemon along, and that its sandboxes. */
async function gone(scratch, patience) {
  const left = () => readdirSync("/proc").filter((name) => /^\d+$/.test(name)).filter((name) => {
    try {
      return readFileSync(`/proc/${name}/environ`, "utf8").includes(`HOME=${scratch}`);
    } catch {
      return false; // It has just ended.
    }
  });
  for (const last = Date.now() + patience; left().length > 0; ) {
    if (Date.now() > last) throw new Error(`left behind: ${left().map((pid) => readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ")).join("; ")}`);
    await new Promise((done) => setTimeout(done, 100));
  }
}

class Desk {
  constructor(page, folder, shots) {
    this.page = page;
    this.folder = folder;
    this.shots = shots;
  }

  shot(name) {
    return this.page.screenshot({ path: join(this.shots, `${name}.png`) });
  }

  /**
   * Presses a key, writes into the box that it opens, and does what is to be done there. All of it again when it is not done at once: keys before
   * the workbench is ready are lost, the box of before may still be going, and what takes the focus closes one that is open.
   */
  async box(key, text, act) {
    const input = this.page.locator(".quick-input-widget input.input").first();
    for (let tries = 1; ; tries++) {
      await this.page.keyboard.press(key);
      try {
        await input.fill(text, { timeout: AT_ONCE });
        return await act();
      } catch (error) {
        if (tries === 20) throw error;
        await this.page.keyboard.press("Escape");
      }
    }
  }

  async pick(text, timeout = PATIENCE) {
    const row = this.page.locator(".quick-input-list .monaco-list-row", { hasText: text }).first();
    await row.waitFor({ timeout });
    await this.page.waitForTimeout(200);
    await row.click({ timeout });
  }

  /** Does a command of the workbench; without a category it is one of ours. */
  command(title, category = "CodeBeaker") {
    return this.box("F1", `>${category}: ${title}`, () => this.pick(title, AT_ONCE));
  }

  async openFile(name) {
    await this.box("Control+P", name, () => this.pick(name, AT_ONCE));
    await this.page.waitForSelector(`.tab.active[data-resource-name="${name}"]`);
    await this.page.waitForSelector(".monaco-editor .view-line");
  }

  /** What decorations show behind lines: each is the style of what follows the text. */
  behind() {
    return this.page.evaluate(() => [...document.querySelectorAll(".monaco-editor .view-line span")]
      .map((span) => getComputedStyle(span, "::after").content).filter((content) => content !== "none" && content !== "normal").join(" "));
  }

  /** Waits for a notification that says this. */
  toast(text) {
    return this.page.locator(".notification-toast", { hasText: text }).first().waitFor();
  }

  async status(text, timeout = PATIENCE) {
    await this.page.waitForFunction((wanted) => document.querySelector(".statusbar")?.textContent?.includes(wanted), text, { timeout });
  }

  /** Waits until the terminal that is shown has this text. */
  async terminal(text) {
    const wanted = text instanceof RegExp ? text : new RegExp(text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));
    await this.until(async () => wanted.test(await this.terminalText()), `the terminal to say ${wanted}`, () => this.terminalText());
  }

  async terminalText() {
    const rows = await this.page.locator(".terminal-wrapper.active .xterm-rows > div").allTextContents();
    return rows.map((row) => row.replace(/\u00a0/g, " ").trimEnd()).join("\n");
  }

  async type(text) {
    await this.page.locator(".terminal-wrapper.active .xterm").click();
    await this.page.keyboard.type(text);
  }

  async lens(title) {
    const lens = this.page.locator(".codelens-decoration a", { hasText: title }).first();
    await lens.waitFor();
    await lens.click();
  }

  async until(condition, what, context = () => "") {
    for (const end = Date.now() + PATIENCE; ; ) {
      if (await condition()) return;
      if (Date.now() > end) throw new Error(`waited in vain for ${what}\n${await context()}`);
      await this.page.waitForTimeout(100);
    }
  }
}

/** Waits until the debugger has stopped somewhere. */
export const stopped = (desk) => desk.page.waitForSelector(".codicon-debug-stackframe");

/** Sets a breakpoint in the line that has this text. */
export async function breakpoint(desk, text) {
  await desk.page.locator(".monaco-editor .view-line", { hasText: text }).first().click();
  await desk.page.keyboard.press("F9");
  await desk.page.waitForSelector(".codicon-debug-breakpoint, .codicon-debug-breakpoint-unverified");
}
