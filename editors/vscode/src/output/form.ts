/** What of the forms of one thing is shown, and how. Pure. */
import { plain } from "../run/filter";

/** A form that can be shown. `html` is of whoever wrote the program, and must be shown where it can do nothing. */
export interface Form {
  readonly kind: "html" | "image" | "markdown" | "text";
  /** HTML, the address of an image, Markdown, or text. */
  readonly content: string;
}

/** The forms in the order of preference. */
const MARKUP = "text/html";
const DRAWING = "image/svg+xml";
const IMAGES = ["image/png", "image/jpeg", "image/gif", "image/webp"];

/** The best form. Text is always there. */
export function best(data: Readonly<Record<string, unknown>>): Form {
  const text = (mime: string): string | undefined => {
    const value = data[mime];
    return typeof value === "string" && value !== "" ? value : undefined;
  };
  const markup = text(MARKUP);
  if (markup !== undefined) return { kind: "html", content: markup };
  const drawing = text(DRAWING);
  if (drawing !== undefined) {
    // As an image it can run nothing and load nothing.
    const bytes = drawing.trimStart().startsWith("<") ? Buffer.from(drawing).toString("base64") : drawing;
    return { kind: "image", content: `data:${DRAWING};base64,${bytes}` };
  }
  for (const mime of IMAGES) {
    const bytes = text(mime)?.replace(/\s+/g, "");
    if (bytes !== undefined && /^[A-Za-z0-9+/]+=*$/.test(bytes)) return { kind: "image", content: `data:${mime};base64,${bytes}` };
  }
  const markdown = text("text/markdown");
  if (markdown !== undefined) return { kind: "markdown", content: markdown };
  if (data["application/json"] !== undefined) return { kind: "text", content: JSON.stringify(data["application/json"], undefined, 2) };
  return { kind: "text", content: textOf(data) };
}

/** The text of a thing, for places that show nothing else. */
export function textOf(data: Readonly<Record<string, unknown>>): string {
  const text = data["text/plain"];
  return typeof text === "string" ? plain(text) : "";
}
