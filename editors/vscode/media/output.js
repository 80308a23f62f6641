// Draws what the extension sends. HTML of a program goes into a frame without scripts, never into this page.
(() => {
  const host = acquireVsCodeApi();
  const list = document.getElementById("list");
  const empty = document.getElementById("empty");
  const MOST_PIXELS = 640;

  function frameOf(html) {
    const style = getComputedStyle(document.body);
    const frame = document.createElement("iframe");
    // The same origin, so that its height can be measured. Without scripts it can do nothing with that.
    frame.setAttribute("sandbox", "allow-same-origin");
    frame.addEventListener("load", () => {
      const { documentElement } = frame.contentDocument;
      // It leads nowhere by itself; the extension asks the person.
      frame.contentDocument.addEventListener("click", (event) => {
        const link = event.target.closest("a[href]");
        if (!link) return;
        event.preventDefault();
        const place = link.getAttribute("href");
        if (place.startsWith("#")) frame.contentDocument.getElementById(place.slice(1))?.scrollIntoView();
        else host.postMessage({ link: link.href });
      });
      frame.style.height = `${Math.min(documentElement.scrollHeight + 2, MOST_PIXELS)}px`;
    });
    const css = `html{color-scheme:${document.body.classList.contains("vscode-light") ? "light" : "dark"}}
      body{margin:0;color:${style.color};font:${style.font}}table{border-collapse:collapse}
      th,td{padding:.25em .75em;text-align:right;border-bottom:1px solid rgba(128,128,128,.35)}img{max-width:100%}`;
    frame.srcdoc = `<!DOCTYPE html><meta charset="utf-8"><style>${css}</style>${html}`;
    return frame;
  }

  function draw(item) {
    const section = document.createElement("section");
    section.dataset.id = item.id;
    if (item.kind === "html") {
      section.append(frameOf(item.content));
    } else if (item.kind === "image") {
      const image = document.createElement("img");
      image.src = item.content;
      section.append(image);
    } else {
      const text = document.createElement("pre");
      text.textContent = item.content;
      section.append(text);
    }
    return section;
  }

  function put(item) {
    const section = draw(item);
    const known = [...list.children].find((one) => one.dataset.id === item.id);
    if (known) known.replaceWith(section);
    else list.append(section);
    return known ? undefined : section;
  }

  window.addEventListener("message", ({ data }) => {
    if (data.kind === "all") {
      list.replaceChildren();
      for (const item of data.items) put(item);
    } else if (data.kind === "put") {
      put(data.item)?.scrollIntoView({ block: "nearest" });
      while (list.firstElementChild && list.firstElementChild.dataset.id !== data.first) list.firstElementChild.remove();
    }
    empty.hidden = list.children.length > 0;
  });
  host.postMessage("ready");
})();
