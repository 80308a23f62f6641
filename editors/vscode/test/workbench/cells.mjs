// What a person does with cells, and what they must see.
import assert from "node:assert/strict";
import { createServer } from "node:http";
import { AT_ONCE, open } from "./desk.mjs";

const files = {
  "cells.py": `# %% numbers
value = 6 * 7
value

# %% more
print("one more is", value + 1)

# %% table
class Table:
    def _repr_html_(self):
        return """<h3 id="title">A table</h3>
            <table><tr><th>name</th><th>size</th></tr><tr><td>ada</td><td>42</td></tr><tr><td>grace</td><td>1906</td></tr></table>
            <img id="outside" src="OUTSIDE/image"><a id="link" href="OUTSIDE/link">a link</a>
            <script>document.getElementById("title").textContent = "it ran"</script>"""
    def __repr__(self):
        return "a table"
Table()

# %% picture
import struct, zlib
class Picture:
    def _repr_png_(self):
        width, height = 320, 120
        rows = b"".join(b"\\0" + b"".join(bytes((x * 255 // width, y * 255 // height, 160)) for x in range(width)) for y in range(height))
        part = lambda name, data: struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
        return b"\\x89PNG\\r\\n\\x1a\\n" + part(b"IHDR", head) + part(b"IDAT", zlib.compress(rows)) + part(b"IEND", b"")
Picture()

# %% asks
name = input("name? ")
print("hello", name)

# %% waits
import time
print("going", flush=True)
while True:
    time.sleep(0.2)
`,
};

/** A desk, and a place outside that counts who asks it. */
export async function withOutside() {
  const asked = [];
  const server = createServer((request, response) => {
    asked.push(request.url);
    response.end();
  });
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  const address = `http://127.0.0.1:${server.address().port}`;
  try {
    const desk = await open({ files: { "cells.py": files["cells.py"].replaceAll("OUTSIDE", address) } });
    const close = desk.close;
    desk.close = () => close().finally(() => server.close());
    desk.asked = asked;
    return desk;
  } catch (error) {
    server.close();
    throw error;
  }
}

/** Puts the cursor into the line that has this text, and presses a key. */
async function press(desk, text, key) {
  const line = files["cells.py"].split("\n").findIndex((one) => one.includes(text)) + 1;
  assert(line > 0, text);
  const tab = desk.page.locator(".tab", { hasText: "cells.py" }).first();
  if (await tab.isVisible()) await tab.click();
  else await desk.openFile("cells.py");
  await desk.box("Control+G", `:${line}`, async () => {
    await desk.page.keyboard.press("Enter");
    await desk.status(`Ln ${line},`, AT_ONCE);
  });
  await desk.page.keyboard.press(key);
}

/** Looks into all frames of webviews until one has what is looked for. */
async function within(desk, what, look) {
  let found;
  await desk.until(async () => {
    for (const frame of desk.page.frames()) {
      found = await frame.evaluate(look).catch(() => undefined);
      if (found) return true;
    }
    return false;
  }, what);
  return found;
}

export const flows = {
  async "cells"(desk) {
    await desk.openFile("cells.py");
    await desk.lens("Run cell");
    await desk.terminal(/▶ cells\.py\s+42\s+■ ended well/);
    await desk.until(async () => (await desk.behind()).includes("⇒ 42"), "the result behind the cell", () => desk.behind());
    await desk.shot("cells-first");
    await press(desk, "one more is", "Shift+Enter");
    await desk.terminal("one more is 43");
    await desk.until(async () => /Ln (?:8|9)\b/.test(await desk.page.locator(".statusbar").innerText()), "the cursor to be in the next cell");
  },

  async "cells-above"(desk) {
    await desk.command("Restart the File's Interpreter");
    await desk.terminal("started anew");
    await desk.command("Clear Inline Results");
    await press(desk, "Table()", "Escape");
    await desk.command("Run Cells Above");
    await desk.terminal(/started anew[^]*▶ cells.py\s+42[^]*▶ cells.py\s+one more is 43/);
    // Lines that are out of sight have no style.
    await press(desk, "# %% more", "Escape");
    await desk.until(async () => (await desk.behind()).includes("⇒ one more is 43"), "the second result", () => desk.behind());
    await press(desk, "# %% numbers", "Escape");
    await desk.until(async () => (await desk.behind()).includes("⇒ 42"), "the first result", () => desk.behind());
  },

  async "rich-output"(desk) {
    await press(desk, 'return "a table"', "Control+Enter");
    await within(desk, "the table", () => document.querySelector("td")?.textContent === "ada");
    assert.equal(await within(desk, "the title", () => document.getElementById("title")?.textContent), "A table", "no script of a program runs");
    await press(desk, "zlib.compress(rows)", "Control+Enter");
    await within(desk, "the picture", () => [...document.querySelectorAll("img")].some((image) => image.naturalWidth === 320));
    await within(desk, "the link", () => document.getElementById("link")?.click() ?? document.getElementById("link") !== null);
    await desk.page.locator(".monaco-dialog-box", { hasText: "Open it?" }).waitFor();
    await desk.shot("rich-output-link");
    await desk.page.keyboard.press("Escape");
    await desk.page.locator(".monaco-dialog-box").waitFor({ state: "hidden" });
    await within(desk, "the table, still", () => document.querySelector("td")?.textContent === "ada");
    await desk.page.waitForTimeout(1000);
    assert.deepEqual(desk.asked, [], "nothing is loaded from outside, and nothing led there");
    await desk.terminal("a table");
  },

  async "cell-asks"(desk) {
    await press(desk, "hello", "Control+Enter");
    const box = desk.page.locator(".quick-input-widget input.input").first();
    await desk.page.locator(".quick-input-title", { hasText: "name?" }).waitFor();
    await desk.shot("cell-asks-box");
    await box.fill("Ada");
    await desk.page.keyboard.press("Enter");
    await desk.terminal(/name\? Ada\nhello Ada/);
  },

  async "cell-is-interrupted"(desk) {
    await press(desk, "while True", "Control+Enter");
    await desk.terminal(/going\s*$/);
    await desk.page.locator(".terminal-wrapper.active .xterm").click();
    await desk.page.keyboard.press("Control+C");
    await desk.terminal(/KeyboardInterrupt\s+■ was (?:stopped|ended)/);
    // What was defined is still there.
    await press(desk, "one more is", "Control+Enter");
    await desk.terminal(/KeyboardInterrupt[^]*one more is 43/);
  },

  async "interpreter-in-the-tree"(desk) {
    await desk.page.locator(".activitybar [aria-label*='CodeBeaker']").first().click();
    const row = desk.page.locator(".sidebar .monaco-list-row", { hasText: "live · idle" }).first();
    await row.waitFor();
    await row.hover();
    await desk.shot("interpreter-in-the-tree-row");
    await row.locator("[aria-label*='Restart Interpreter']").click();
    await desk.page.waitForTimeout(1000);
    await row.waitFor();
    await press(desk, "one more is", "Control+Enter");
    await desk.terminal("NameError");
    await desk.page.locator(".activitybar [aria-label*='Explorer']").first().click();
  },

  async "debug-cell"(desk) {
    await press(desk, "value = 6", "F9");
    await desk.page.waitForSelector(".codicon-debug-breakpoint, .codicon-debug-breakpoint-unverified");
    await desk.lens("Debug cell");
    await desk.page.waitForSelector(".codicon-debug-stackframe");
    await desk.until(async () => (await desk.page.locator(".debug-call-stack").innerText()).includes("cells.py"), "the stack to name the document");
    await desk.shot("debug-cell-stopped");
    await desk.page.keyboard.press("Shift+F5");
    await desk.page.waitForSelector(".debug-toolbar", { state: "hidden" });
  },
};
