// A client of V8's inspector: WebSocket over loopback, as far as the inspector speaks it.
import { randomBytes } from "node:crypto";
import { createConnection } from "node:net";

// Connects, and tells of every event. `ask` gives the result of a command.
export async function connect(url, told) {
  const { hostname, port, pathname } = new URL(url);
  const socket = createConnection({ host: hostname, port: Number(port), noDelay: true });
  const waiting = new Map();
  let asked = 0;
  let input = Buffer.alloc(0);
  let parts = [];
  const open = new Promise((resolve, reject) => {
    socket.on("error", reject);
    socket.on("data", (data) => {
      input = Buffer.concat([input, data]);
      take(resolve);
    });
  });
  socket.on("close", () => {
    for (const { reject } of waiting.values()) reject(new Error("the inspector is gone"));
  });
  let shaken = false;
  function take(resolve) {
    if (!shaken) {
      const end = input.indexOf("\r\n\r\n");
      if (end < 0) return;
      shaken = true;
      input = input.subarray(end + 4);
      resolve();
    }
    for (;;) {
      if (input.length < 2) return;
      let [length, start] = [input[1] & 127, 2];
      if (length === 126) [length, start] = [input.length < 4 ? NaN : input.readUInt16BE(2), 4];
      else if (length === 127) [length, start] = [input.length < 10 ? NaN : Number(input.readBigUInt64BE(2)), 10];
      if (!(input.length >= start + length)) return;
      parts.push(input.subarray(start, start + length));
      const whole = input[0] & 128;
      input = input.subarray(start + length);
      if (whole) {
        const text = String(Buffer.concat(parts));
        parts = [];
        if (text.startsWith("{")) message(JSON.parse(text));
      }
    }
  }
  function message({ id, result, error, ...rest }) {
    if (id === undefined) return told(rest);
    const { resolve, reject } = waiting.get(id);
    waiting.delete(id);
    if (error) reject(new Error(error.message));
    else resolve(result);
  }
  const key = randomBytes(16).toString("base64");
  socket.write(
    `GET ${pathname} HTTP/1.1\r\nHost: ${hostname}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n` +
      `Sec-WebSocket-Key: ${key}\r\nSec-WebSocket-Version: 13\r\n\r\n`,
  );
  await open;
  return {
    ask(method, params = {}) {
      const body = Buffer.from(JSON.stringify({ id: ++asked, method, params }));
      const header = Buffer.alloc(body.length < 126 ? 6 : body.length < 65536 ? 8 : 14);
      header[0] = 0x81;
      if (header.length === 6) header[1] = 0x80 | body.length;
      else if (header.length === 8) [header[1]] = [0x80 | 126, header.writeUInt16BE(body.length, 2)];
      else [header[1]] = [0x80 | 127, header.writeBigUInt64BE(BigInt(body.length), 2)];
      // The mask is all zeros: nobody between us and the inspector could mistake it for anything else.
      socket.write(Buffer.concat([header, body]));
      const id = asked;
      return new Promise((resolve, reject) => waiting.set(id, { resolve, reject }));
    },
    close: () => socket.end(),
  };
}
