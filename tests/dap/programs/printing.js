console.log("to the one");
console.error("to the other");
process.exitCode = 3;
