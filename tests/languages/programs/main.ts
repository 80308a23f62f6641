import { spawn } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import process from 'node:process';

enum Colour { Red = 1 }

function boom(): never {
  throw new TypeError('it broke'); // here
}

const [mode, ...rest]: string[] = process.argv.slice(2);
if (mode === 'hello') {
  console.log('hello ä€😀');
} else if (mode === 'args') {
  for (const arg of rest) console.log(`[${arg}]`);
} else if (mode === 'cat') {
  process.stdin.pipe(process.stdout);
} else if (mode === 'env') {
  console.log(`[${process.env.WORD}]`);
} else if (mode === 'memory') {
  console.log('filling');
  const kept: Uint8Array[] = [];
  while (true) kept.push(new Uint8Array(8 << 20).fill(1));
} else if (mode === 'exit') {
  process.exit(3);
} else if (mode === 'stderr') {
  console.log('out');
  console.error('err');
} else if (mode === 'crash') {
  boom();
} else if (mode === 'loop') {
  console.log('looping');
  while (true);
} else if (mode === 'child') {
  try {
    spawn('sleep', ['6021'], { detached: true, stdio: 'ignore' }).unref();
    console.log('begun');
  } catch (error) {
    console.log((error as Error).name);
  }
} else if (mode === 'mebibyte') {
  let text: string = Colour.Red ? '' : 'x';
  for (let number = 0; number < 16384; number++) text += String(number).padStart(63, '0') + '\n';
  process.stdout.write(text);
} else if (mode === 'files') {
  writeFileSync('out.txt', readFileSync('in.txt', 'utf8') + '!');
} else if (mode === 'net') {
  fetch('http://192.0.2.1/').then(() => console.log('connected'), () => console.log('no network'));
}
