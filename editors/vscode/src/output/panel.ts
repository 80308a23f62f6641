/**
 * What cells show beyond text: beside the document, in the order in which it came.
 *
 * What is shown was written by a program of a sandbox. The page has a policy that loads nothing and runs nothing but the
 * script of this extension; HTML is in a frame in which no script runs; all else is text or an image.
 */
import * as vscode from "vscode";
import { tell } from "../daemon/fault";
import { best, type Form } from "./form";
import type { Display, Transcript } from "../run/transcripts";

/** How much of a document is kept: things, and characters of all together. */
const MAX_SHOWN = 200;
const MAX_CHARACTERS = 32 * 1024 * 1024;
const TYPE = "codebeaker.output";

interface Item extends Form {
  readonly id: string;
}

/** The page of one document. */
class Page {
  private items: Item[] = [];
  private readonly panel: vscode.WebviewPanel;
  private isReady = false;
  isClosed = false;

  constructor(name: string, private readonly media: vscode.Uri) {
    const where = { viewColumn: vscode.ViewColumn.Beside, preserveFocus: true };
    this.panel = vscode.window.createWebviewPanel(TYPE, `${name}: output`, where, {
      enableScripts: true,
      localResourceRoots: [media],
    });
    this.panel.iconPath = vscode.Uri.joinPath(media, "beaker.svg");
    this.panel.onDidDispose(() => (this.isClosed = true));
    // A page that was hidden begins anew, and is given all once more.
    this.panel.webview.onDidReceiveMessage((message: unknown) => {
      if (message !== "ready") {
        void follow(message);
        return;
      }
      this.isReady = true;
      void this.panel.webview.postMessage({ kind: "all", items: this.items });
    });
    this.panel.onDidChangeViewState(() => (this.isReady &&= this.panel.visible));
    this.panel.webview.html = this.frame();
  }

  get isActive(): boolean {
    return this.panel.active;
  }

  put(item: Item): void {
    const known = this.items.findIndex((one) => one.id === item.id);
    if (known === -1) this.items.push(item);
    else this.items[known] = item;
    let characters = this.items.reduce((sum, one) => sum + one.content.length, 0);
    while (this.items.length > MAX_SHOWN || (characters > MAX_CHARACTERS && this.items.length > 1)) {
      characters -= this.items.shift()?.content.length ?? 0;
    }
    if (this.isReady) void this.panel.webview.postMessage({ kind: "put", item, first: this.items[0]?.id });
    if (!this.panel.visible) this.panel.reveal(undefined, true);
  }

  has(id: string): boolean {
    return this.items.some((one) => one.id === id);
  }

  clear(): void {
    this.items = [];
    if (this.isReady) void this.panel.webview.postMessage({ kind: "all", items: [] });
  }

  dispose(): void {
    this.panel.dispose();
  }

  private frame(): string {
    const { webview } = this.panel;
    const of = (file: string): string => webview.asWebviewUri(vscode.Uri.joinPath(this.media, file)).toString();
    const policy = `default-src 'none'; img-src data:; style-src ${webview.cspSource} 'unsafe-inline'; script-src ${webview.cspSource};`;
    return `<!DOCTYPE html><html lang="en"><head><meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<link rel="stylesheet" href="${of("output.css")}"><title>Output</title></head>
<body><p id="empty">What cells show is listed here.</p><main id="list"></main><script src="${of("output.js")}"></script></body></html>`;
  }
}

/** A link that was clicked. Where it leads is told first: whoever wrote it may be anybody. */
async function follow(message: unknown): Promise<void> {
  const link = (message as { link?: unknown } | null)?.link;
  if (typeof link !== "string" || !/^https?:\/\//.test(link)) return;
  const chosen = await vscode.window.showWarningMessage("A program in a sandbox shows this link. Open it?", { modal: true, detail: link }, "Open");
  if (chosen !== undefined) await vscode.env.openExternal(vscode.Uri.parse(link, true));
}

export class OutputPages implements vscode.Disposable {
  private readonly pages = new Map<string, Page>();
  private readonly media: vscode.Uri;
  private count = 0;

  constructor(extension: vscode.Uri, private readonly log: vscode.LogOutputChannel) {
    this.media = vscode.Uri.joinPath(extension, "media");
  }

  /** Shows what an execution has shown and what it will, on the page of a document. */
  follow(key: string, name: string, transcript: Transcript): void {
    for (const display of transcript.displays) void this.take(key, name, display);
    transcript.onDidDisplay((display) => void this.take(key, name, display));
  }

  /** Empties the page that is looked at, or all. */
  clear(): void {
    const active = [...this.pages.values()].filter((page) => page.isActive);
    for (const page of active.length > 0 ? active : this.pages.values()) page.clear();
  }

  dispose(): void {
    for (const page of this.pages.values()) page.dispose();
  }

  private async take(key: string, name: string, display: Display): Promise<void> {
    const form = best(display.data);
    const named = display.displayId === undefined ? undefined : `named ${display.displayId}`;
    let page = this.pages.get(key);
    const isKnown = named !== undefined && page?.isClosed === false && page.has(named);
    // Text is in the terminal already, unless it takes the place of something here.
    if (form.kind === "text" && !isKnown) return;
    if (display.kind === "update" && !isKnown) return;
    const content = form.kind === "markdown" ? await this.rendered(form.content) : form.content;
    page = this.pages.get(key);
    if (page === undefined || page.isClosed) this.pages.set(key, (page = new Page(name, this.media)));
    const kind = form.kind === "markdown" ? "html" : form.kind;
    page.put({ id: named ?? `number ${(this.count += 1).toString()}`, kind, content });
  }

  /** The editor's own Markdown, which is then shown as any other HTML. */
  private async rendered(markdown: string): Promise<string> {
    try {
      return await vscode.commands.executeCommand<string>("markdown.api.render", markdown);
    } catch (error) {
      this.log.debug(`rendering Markdown: ${tell(error)}`);
      return `<pre>${markdown.replace(/&/g, "&amp;").replace(/</g, "&lt;")}</pre>`;
    }
  }
}
