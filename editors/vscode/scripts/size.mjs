// Says how large the package is, and fails where it is larger than it may be: 1 MiB, without a daemon in it.
import { existsSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const MOST = 1024 * 1024;
const root = dirname(dirname(fileURLToPath(import.meta.url)));
const { size } = statSync(join(root, "codebeaker.vsix"));
const hasServer = existsSync(join(root, "server"));
console.log(`codebeaker.vsix has ${Math.ceil(size / 1024)} KiB${hasServer ? ", with the daemon" : ""}`);
if (!hasServer && size >= MOST) {
  console.error(`error: it may have ${MOST / 1024} KiB; what is in it: unzip -v codebeaker.vsix`);
  process.exit(1);
}
