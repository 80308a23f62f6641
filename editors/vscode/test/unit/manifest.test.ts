import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

interface Property { markdownDescription?: string; description?: string; default?: unknown }
interface Manifest {
  main: string;
  activationEvents: string[];
  capabilities: { untrustedWorkspaces: { restrictedConfigurations: string[] } };
  contributes: {
    commands: { command: string; title: string }[];
    configuration: { properties: Record<string, Property> }[];
    walkthroughs: { steps: { description: string; media: { markdown: string } }[] }[];
    viewsWelcome: { contents: string }[];
    menus: Record<string, { command: string }[]>;
    keybindings: { command: string }[];
    debuggers: { languages: string[] }[];
  };
}

const manifest = JSON.parse(readFileSync("package.json", "utf8")) as Manifest;
const { contributes } = manifest;
const declared = contributes.commands.map((one) => one.command);

void test("every command is made, and every one that is made is declared", () => {
  const between = (file: string, from: string, to: string): string => {
    const source = readFileSync(file, "utf8");
    return source.slice(source.indexOf(from), source.lastIndexOf(to));
  };
  const table = between("src/commands.ts", "const commands", "const guarded") + between("src/run/cellCommands.ts", "  return {", "  };");
  const made = [...table.matchAll(/^ {4}(\w+):/gm)].map((match) => `codebeaker.${match[1] ?? ""}`);
  assert.deepEqual(made.toSorted(), declared.toSorted());
});

void test("no command has a name of the daemon's own, which the client registers", () => {
  const protocol = readFileSync("../../protocol.md", "utf8");
  const theirs = [...protocol.matchAll(/^\| \[`(codebeaker\.\w+)`\]/gm)].map((match) => match[1] ?? "");
  assert.ok(theirs.includes("codebeaker.run"));
  assert.deepEqual(declared.filter((name) => theirs.includes(name)), []);
});

void test("what is referred to is there", () => {
  const texts = [...contributes.viewsWelcome.map((one) => one.contents), ...contributes.walkthroughs.flatMap((one) => one.steps.map((step) => step.description))];
  const linked = texts.flatMap((text) => [...text.matchAll(/\(command:([\w.]+)\)/g)].map((match) => match[1] ?? ""));
  const used = [...linked, ...Object.values(contributes.menus).flat().map((one) => one.command), ...contributes.keybindings.map((one) => one.command)];
  assert.deepEqual(used.filter((name) => !declared.includes(name)), []);
  for (const step of contributes.walkthroughs.flatMap((one) => one.steps)) assert.ok(readFileSync(step.media.markdown, "utf8").startsWith("# "));
});

void test("every setting is described, has a default and is read; none of the source's is missing", () => {
  const properties = Object.assign({}, ...contributes.configuration.map((one) => one.properties)) as Record<string, Property>;
  for (const [name, property] of Object.entries(properties)) {
    assert.ok((property.markdownDescription ?? property.description ?? "").length > 20, name);
    assert.notEqual(property.default, undefined, name);
  }
  const source = readFileSync("src/config.ts", "utf8");
  const read = [...source.matchAll(/^ {2}"([\w.]+)":/gm)].map((match) => `codebeaker.${match[1] ?? ""}`);
  // The library of the client reads this one.
  assert.deepEqual([...read, "codebeaker.trace.server"].toSorted(), Object.keys(properties).toSorted());
});

void test("a workspace that is not trusted can't name what is started or what it is told", () => {
  const restricted = manifest.capabilities.untrustedWorkspaces.restrictedConfigurations;
  for (const name of ["server.path", "server.settingsFile", "run.arguments", "run.env", "run.cwd", "session.workspace", "session.network", "session.allowedHosts", "session.limits"]) {
    assert.ok(restricted.includes(`codebeaker.${name}`), name);
  }
});

void test("what is debugged is also run", () => {
  const run = manifest.activationEvents.map((event) => event.replace("onLanguage:", ""));
  for (const language of contributes.debuggers.flatMap((one) => one.languages)) assert.ok(run.includes(language), language);
});

void test("nothing is reported to anybody", () => {
  assert.ok(!/telemetry|applicationinsights/i.test(readFileSync("package.json", "utf8")));
});
