async function count(name) {
  await new Promise((done) => setTimeout(done, 10));
  const length = name.length;
  return length;
}

async function main() {
  const counts = await Promise.all([count("one"), count("three")]);
  console.log("total", counts[0] + counts[1]);
}

main();
