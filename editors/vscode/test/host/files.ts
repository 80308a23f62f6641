import assert from "node:assert/strict";
import * as vscode from "vscode";
import { check, until } from "./suite";

const { fs } = vscode.workspace;

interface Opened {
  readonly sessionId: string;
}

const opened = (): Thenable<Opened> => vscode.commands.executeCommand("codebeaker.newSession", { language: "python" });
const at = (sessionId: string, path: string): vscode.Uri => vscode.Uri.from({ scheme: "codebeaker", path: `/${sessionId}/${path}` });
const failsWith = (code: string) => (error: unknown) => error instanceof vscode.FileSystemError && error.code === code;

check("files of a session are files of the editor", async () => {
  const { sessionId } = await opened();
  const bytes = Uint8Array.from({ length: 5 * 1024 * 1024 }, (_, index) => (index * 7) % 256);
  await fs.createDirectory(at(sessionId, "in/deep"));
  await fs.writeFile(at(sessionId, "in/deep/a b.bin"), bytes);
  const read = await fs.readFile(at(sessionId, "in/deep/a b.bin"));
  assert.ok(Buffer.from(bytes).equals(Buffer.from(read)), "more than one part, and any bytes");
  const stat = await fs.stat(at(sessionId, "in/deep/a b.bin"));
  assert.deepEqual([stat.type, stat.size], [vscode.FileType.File, bytes.length]);
  assert.deepEqual(await fs.readDirectory(at(sessionId, "in")), [["deep", vscode.FileType.Directory]]);
  assert.equal((await fs.stat(at(sessionId, ""))).type, vscode.FileType.Directory);

  await fs.rename(at(sessionId, "in/deep/a b.bin"), at(sessionId, "moved"));
  await assert.rejects(Promise.resolve(fs.stat(at(sessionId, "in/deep/a b.bin"))), failsWith("FileNotFound"));
  await fs.copy(at(sessionId, "moved"), at(sessionId, "copied"));
  await assert.rejects(Promise.resolve(fs.copy(at(sessionId, "moved"), at(sessionId, "copied"))), failsWith("FileExists"));
  await fs.copy(at(sessionId, "moved"), at(sessionId, "copied"), { overwrite: true });
  await fs.delete(at(sessionId, "in"), { recursive: true });
  await assert.rejects(Promise.resolve(fs.readDirectory(at(sessionId, "in"))), failsWith("FileNotFound"));
  await assert.rejects(Promise.resolve(fs.readFile(at(sessionId, ""))));
});

check("files of a session are documents, saved into it", async () => {
  const { sessionId } = await opened();
  const uri = at(sessionId, "note.txt");
  await fs.writeFile(uri, Buffer.from("one\n"));
  const editor = await vscode.window.showTextDocument(uri);
  await editor.edit((change) => {
    change.insert(new vscode.Position(0, 0), "zero\n");
  });
  assert.ok(await editor.document.save());
  assert.equal(Buffer.from(await fs.readFile(uri)).toString(), "zero\none\n");
});

check("what a program writes is seen in the editor", async () => {
  const { sessionId } = await opened();
  const uri = at(sessionId, "log.txt");
  await fs.writeFile(uri, Buffer.from("before\n"));
  const document = await vscode.workspace.openTextDocument(uri);
  await vscode.window.showTextDocument(document);
  const source = { code: "open('log.txt', 'w').write('after\\n')", language: "python" };
  // The editor begins to watch when it is done opening.
  await until("the new text", async () => {
    await vscode.commands.executeCommand("codebeaker.call", { method: "session/execute", params: { sessionId, source } });
    return document.getText() === "after\n" ? true : undefined;
  });
});

check("a path that leads out of the workspace leads nowhere", async () => {
  const { sessionId } = await opened();
  for (const path of ["/etc/passwd", "a/%2e%2e/../../etc/passwd"]) {
    await assert.rejects(Promise.resolve(fs.readFile(vscode.Uri.from({ scheme: "codebeaker", path: `/${sessionId}/${path}` }))));
  }
  await assert.rejects(Promise.resolve(fs.stat(at("ses_none", "x"))), failsWith("Unavailable"));
});

check("of a session that is closed nothing is there", async () => {
  const { sessionId } = await opened();
  await fs.writeFile(at(sessionId, "x"), Buffer.from("x"));
  await vscode.commands.executeCommand("codebeaker.closeSession", { sessionId });
  await assert.rejects(Promise.resolve(fs.readFile(at(sessionId, "x"))), failsWith("Unavailable"));
});
