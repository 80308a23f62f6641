/** What this extension can do, said in `initialize`. */
import type { ClientCapabilities, FeatureState, StaticFeature } from "vscode-languageclient/node";

/** What the output page can show, and the longest that it takes. */
const MIME = ["text/html", "text/markdown", "image/svg+xml", "image/png", "image/jpeg", "image/gif", "image/webp", "application/json"];
const MAX_INLINE_BYTES = 2 * 1024 * 1024;

/** Adds our part to the capabilities of the client. */
export class CodebeakerFeatures implements StaticFeature {
  fillClientCapabilities(capabilities: ClientCapabilities): void {
    const others: unknown = capabilities.experimental;
    capabilities.experimental = {
      ...(typeof others === "object" ? others : {}),
      codebeaker: {
        protocolVersions: ["1.0"],
        features: {
          streaming: { encodings: ["utf8", "base64"] },
          stdin: true,
          pty: true,
          debug: { transports: ["tunnel"] },
          netAsk: true,
          fsWatch: true,
          contexts: true,
          richOutput: { mime: MIME, maxInlineBytes: MAX_INLINE_BYTES },
          inputRequest: { password: true },
        },
      },
    };
    // A run has its terminal and its place in the status bar. A toast for each, by the client's own progress, is one too many.
    if (capabilities.window !== undefined) capabilities.window.workDoneProgress = false;
  }

  initialize(): void {
    // All that is needed is in the answer to `initialize`.
  }

  getState(): FeatureState {
    return { kind: "static" };
  }

  clear(): void {
    // Nothing is kept.
  }
}
