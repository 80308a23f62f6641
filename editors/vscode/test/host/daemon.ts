import assert from "node:assert/strict";
import * as vscode from "vscode";
import { check, until } from "./suite";

const uriOf = (name: string): vscode.Uri => {
  const folder = vscode.workspace.workspaceFolders?.[0];
  assert.ok(folder);
  return vscode.Uri.joinPath(folder.uri, name);
};

check("it is active, and every command that it declares can be called", async () => {
  const extension = vscode.extensions.getExtension("codebeaker.codebeaker");
  assert.ok(extension);
  await extension.activate();
  const manifest = extension.packageJSON as { contributes: { commands: { command: string }[] } };
  const known = await vscode.commands.getCommands(true);
  assert.deepEqual(manifest.contributes.commands.map((one) => one.command).filter((one) => !known.includes(one)), []);
});

check("lenses come from the daemon", async () => {
  const document = await vscode.workspace.openTextDocument(uriOf("steps.py"));
  await vscode.window.showTextDocument(document);
  const titles = await until("lenses", async () => {
    const lenses = await vscode.commands.executeCommand<vscode.CodeLens[]>("vscode.executeCodeLensProvider", document.uri, 100);
    return lenses.length > 0 ? lenses.map((one) => one.command?.title ?? "") : undefined;
  });
  assert.ok(titles.some((title) => title.includes("Run")) && titles.some((title) => title.includes("Debug")), String(titles));
});

check("an error is marked in its line, and no more when it is mended", async () => {
  const uri = uriOf("fails.py");
  await vscode.workspace.openTextDocument(uri);
  await vscode.commands.executeCommand("codebeaker.runFile", uri);
  const found = await until("the mark", () => vscode.languages.getDiagnostics(uri)[0]);
  assert.match(found.message, /ZeroDivisionError/);
  assert.equal(found.range.start.line, 1);
  const change = new vscode.WorkspaceEdit();
  change.replace(uri, new vscode.Range(1, 0, 1, 100), "    return divisor");
  await vscode.workspace.applyEdit(change);
  await vscode.commands.executeCommand("codebeaker.runFile", uri);
  await until("no mark", () => (vscode.languages.getDiagnostics(uri).length === 0 ? true : undefined));
});

check("the doctor reports in a document", async () => {
  const report = await vscode.commands.executeCommand<string>("codebeaker.doctor");
  assert.match(report, /^# CodeBeaker: Doctor/);
  assert.match(report, /runtime\.native/);
});

check("the daemon that is started again is another", async () => {
  const instance = async (): Promise<string> => (await vscode.commands.executeCommand<{ instanceId: string }>("codebeaker.call", { method: "server/info", params: {} })).instanceId;
  const before = await instance();
  await vscode.commands.executeCommand("codebeaker.restartServer");
  assert.notEqual(await instance(), before);
});
