/** What the extension host runs in place of a person. */
import "./daemon";
import "./files";
import "./debug";
export { runAll as run } from "./suite";
