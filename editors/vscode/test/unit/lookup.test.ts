import assert from "node:assert/strict";
import { test } from "node:test";
import { describe, lookUp, versionOf, type Surroundings } from "../../src/daemon/lookup";

const around = (files: string[], more: Partial<Surroundings> = {}): Surroundings => ({
  setting: "",
  environment: { PATH: "/usr/bin:/opt/bin:relative" },
  extension: "/ext",
  home: "/home/ada",
  isExecutable: (file) => files.includes(file),
  ...more,
});

void test("the setting goes before all else", () => {
  const found = lookUp(around(["/mine", "/usr/bin/codebeaker"], { setting: "/mine" }));
  assert.deepEqual(found.chosen, { from: "setting", path: "/mine", isThere: true });
});

void test("a setting that names nothing is not passed over", () => {
  const found = lookUp(around(["/usr/bin/codebeaker"], { setting: "~/gone" }));
  assert.equal(found.chosen, undefined);
  assert.deepEqual(found.tried, [{ from: "setting", path: "/home/ada/gone", isThere: false }]);
});

void test("then the environment, the extension, PATH, and where cargo installs", () => {
  const files = ["/var", "/ext/server/codebeaker", "/opt/bin/codebeaker", "/home/ada/.cargo/bin/codebeaker"];
  const environment = { CODEBEAKER_BIN: "/var", PATH: "/usr/bin:/opt/bin" };
  assert.equal(lookUp(around(files, { environment })).chosen?.from, "environment");
  assert.equal(lookUp(around(files)).chosen?.path, "/ext/server/codebeaker");
  assert.equal(lookUp(around(files.slice(2))).chosen?.path, "/opt/bin/codebeaker");
  assert.equal(lookUp(around(files.slice(3))).chosen?.path, "/home/ada/.cargo/bin/codebeaker");
});

void test("a relative directory of PATH is not looked into: it would be the workspace's", () => {
  assert.equal(lookUp(around(["relative/codebeaker"])).chosen, undefined);
});

void test("what was tried is told", () => {
  const { tried } = lookUp(around([]));
  assert.deepEqual(tried.map((one) => one.from), ["bundled", "PATH"]);
  assert.match(tried.map(describe).join("\n"), /`\/ext\/server\/codebeaker`, where there is no executable file/);
});

void test("only the daemon's own words are a version", () => {
  assert.equal(versionOf("codebeaker 0.1.0\n"), "0.1.0");
  assert.equal(versionOf("codebeaker 1.2.3-rc.1\n"), "1.2.3-rc.1");
  assert.equal(versionOf("true (GNU coreutils) 9.1\n"), undefined);
  assert.equal(versionOf(""), undefined);
});
