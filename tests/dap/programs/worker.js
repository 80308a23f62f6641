const { Worker, isMainThread, workerData } = require("node:worker_threads");

function work(number) {
  const doubled = number * 2;
  return doubled;
}

if (isMainThread) {
  new Worker(__filename, { workerData: 20 }).on("exit", () => console.log("parent"));
} else {
  console.log("child", work(workerData));
}
