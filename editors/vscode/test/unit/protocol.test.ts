import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";

void test("the shapes are those of protocol.md", () => {
  const { status, stderr } = spawnSync(process.execPath, ["scripts/protocol.mjs", "--check"], { encoding: "utf8" });
  assert.equal(status, 0, stderr);
});
