// The same greeting in JavaScript.

const name = process.argv[2] ?? "world";
const lines = ["Hello from a sandbox.", "There is no network here,", "nor anybody's home directory.", `Goodbye, ${name}.`];
lines.forEach((line, index) => setTimeout(() => console.log(line), index * 300));
