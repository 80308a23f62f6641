/** Cases for the extension host: each is run after the other, and told by the console, which the runner prints. */

type Case = () => Promise<void>;

const cases = new Map<string, Case>();

/** Takes a case in, to be run in the order of the calls. */
export function check(what: string, run: Case): void {
  cases.set(what, run);
}

/** Runs them all; fails when one has failed. */
export async function runAll(): Promise<void> {
  let failed = 0;
  for (const [what, run] of cases) {
    const begin = Date.now();
    try {
      await run();
      console.log(`ok     ${what} (${((Date.now() - begin) / 1000).toFixed(1)} s)`);
    } catch (error) {
      failed += 1;
      console.log(`FAILED ${what}\n${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
    }
  }
  console.log(`in the extension host ${String(cases.size - failed)} passed, ${String(failed)} failed`);
  if (failed > 0) throw new Error(`${String(failed)} failed`);
}

/** How long anything may take on a machine that is busy. */
const PATIENCE_MS = 60_000;

/** Waits for a condition. */
export async function until<T>(what: string, look: () => T | undefined | Promise<T | undefined>): Promise<T> {
  for (const end = Date.now() + PATIENCE_MS; ; ) {
    const found = await look();
    if (found !== undefined) return found;
    if (Date.now() > end) throw new Error(`waited in vain for ${what}`);
    await new Promise((done) => setTimeout(done, 50));
  }
}
