interface Numbered { number: number }

// Types are gone from what runs, and their lines with them.
function twice({ number }: Numbered): number {
  return number * 2;
}

console.log("twice", twice({ number: 21 }));
