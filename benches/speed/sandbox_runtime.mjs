// Runs programs in the sandbox of @anthropic-ai/sandbox-runtime: a line asks for one, with its arguments as JSON, a line
// answers with the milliseconds that it took. As a program that uses the package does, it sets it up once.
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

// The package is in the directory that is given, which is none of ours.
const require = createRequire(`${process.argv[2]}/`);
const { SandboxManager } = await import(pathToFileURL(require.resolve('@anthropic-ai/sandbox-runtime')));
await SandboxManager.initialize({
  network: { allowedDomains: [], deniedDomains: [] },
  filesystem: { denyRead: [], allowWrite: ['/tmp'], denyWrite: [] },
});

const quoted = (text) => `'${text.replaceAll("'", "'\\''")}'`;

async function run(argv) {
  const began = process.hrtime.bigint();
  const wrapped = await SandboxManager.wrapWithSandbox(argv.map(quoted).join(' '));
  const child = spawn(wrapped, { shell: true, stdio: ['ignore', 'pipe', 'pipe'] });
  const said = [];
  child.stdout.on('data', () => {});
  child.stderr.on('data', (chunk) => said.push(chunk));
  const code = await new Promise((resolve) => child.on('close', resolve));
  if (code !== 0) {
    throw new Error(`it ended with ${code}: ${Buffer.concat(said).toString().trim()}`);
  }
  return Number(process.hrtime.bigint() - began) / 1e6;
}

for await (const line of createInterface({ input: process.stdin })) {
  try {
    console.log(await run(JSON.parse(line)));
  } catch (error) {
    console.log(`failed: ${error.message.replaceAll('\n', ' ')}`);
  }
}
await SandboxManager.reset();
process.exit(0);
