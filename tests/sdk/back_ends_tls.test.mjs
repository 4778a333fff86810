// Back ends with TLS: which HTTP is agreed on with them, and whom the server does not speak to.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import http2 from "node:http2";
import https from "node:https";
import os from "node:os";
import path from "node:path";
import { after, test } from "node:test";

import WebSocket from "ws";

import { until } from "./example.mjs";
import { Server } from "./server.mjs";

const folder = await mkdtemp(path.join(os.tmpdir(), "ringcast-tls-"));
const openssl = (line) => execFileSync("openssl", line.split(" "), { cwd: folder, stdio: "pipe" });

// An authority, and for each name a certificate of it.
async function certificates(authority, ...names) {
  const key = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes";
  openssl(`req -x509 ${key} -keyout ${authority}.key -out ${authority}.pem -days 3 -subj /CN=${authority}`);
  return Promise.all(names.map(async (name) => {
    const extensions = `-addext subjectAltName=${name} -addext basicConstraints=critical,CA:FALSE`;
    const [file] = [name.replace(/\W/g, "-")];
    openssl(`req -x509 ${key} -keyout ${file}.key -out ${file}.pem -days 3 -subj /CN=${file} -CA ${authority}.pem -CAkey ${authority}.key ${extensions}`);
    const read = (end) => readFile(path.join(folder, `${file}.${end}`));
    return { key: await read("key"), cert: await read("pem") };
  }));
}

const [here, elsewhere] = await certificates("ours", "IP:127.0.0.1", "DNS:elsewhere.example");
const [unknown] = await certificates("theirs", "IP:127.0.0.1,DNS:localhost");

// By ClientID: method, body, version of HTTP and connection of all that is asked.
const calls = new Map();

async function back_end(create, options) {
  const server = create(options, async (request, response) => {
    const { method, httpVersion: version, socket, stream } = request;
    const id = request.url.split("/").at(-1);
    let body = "";
    for await (const piece of request) body += piece;
    calls.set(id, [...(calls.get(id) ?? []), { method, body, version, session: stream?.session ?? socket }]);
    response.writeHead(200, { "Content-Type": "text/plain" }).end(method === "GET" ? "ok" : body);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return { server, url: `https://127.0.0.1:${server.address().port}/hooks` };
}

const both = await back_end(http2.createSecureServer, { ...here, allowHTTP1: true });
const new_only = await back_end(http2.createSecureServer, here);
const old_only = await back_end(https.createServer, here);
const misnamed = await back_end(https.createServer, elsewhere);
const stranger = await back_end(https.createServer, unknown);
const all = [both, new_only, old_only, misnamed, stranger];

const hook = (prefix, { url }, protocol) => `
[[ws2api]]
prefix = "/${prefix}/"
backends = ["${url}"]
backend_protocol = "${protocol}"
insecure = true
connect_timeout = "120s"
message_timeout = "120s"
circuit_failures = 0
`;
const config = [
  "[drain]\nspread_ms = 100\n",
  hook("both-auto", both, "auto"),
  hook("both-http1", both, "http1"),
  hook("both-h2", both, "h2"),
  hook("new-auto", new_only, "auto"),
  hook("new-http1", new_only, "http1"),
  hook("old-auto", old_only, "auto"),
  hook("old-h2", old_only, "h2"),
  hook("misnamed", misnamed, "auto"),
  hook("stranger", stranger, "auto"),
].join("");
const server = await Server.start({ args: [], config, env: { SSL_CERT_FILE: path.join(folder, "ours.pem") } });
after(async () => {
  await server.close();
  for (const { server } of all) server.close();
  for (const { session } of [...calls.values()].flat()) session.destroy();
  await rm(folder, { recursive: true });
});

function connect(name) {
  const socket = new WebSocket(`ws://127.0.0.1:${server.port}/${name}`, { handshakeTimeout: 60_000 });
  return new Promise((resolve, reject) => {
    socket.on("open", () => resolve(socket));
    socket.on("unexpected-response", (request, response) => (request.destroy(), resolve(response.statusCode)));
    socket.on("error", reject);
  });
}

for (const [prefix, version] of [
  ["both-auto", "2.0"],
  ["both-http1", "1.1"],
  ["both-h2", "2.0"],
  ["new-auto", "2.0"],
  ["old-auto", "1.1"],
]) {
  test(`${prefix}: a life is told over HTTP/${version}, in order`, async () => {
    const ids = Array.from({ length: 20 }, (_, n) => `${prefix}-${n}`);
    const sockets = await Promise.all(ids.map((id) => connect(`${prefix}/${id}`)));
    const texts = Array.from({ length: 10 }, (_, n) => `message ${n}`);
    await Promise.all(sockets.map(async (socket, n) => {
      const heard = [];
      socket.on("message", (data) => heard.push(data.toString()));
      for (const text of texts) socket.send(text);
      await until(() => heard.length === texts.length, () => `${ids[n]}: ${heard}; ${server.log}`);
      assert.deepEqual(heard, texts);
      socket.close(4000, "bye");
      await once(socket, "close");
    }));
    await until(() => ids.every((id) => calls.get(id).at(-1).method === "DELETE"));
    for (const id of ids) {
      const said = calls.get(id).map(({ method, body }) => `${method} ${body}`);
      assert.deepEqual(said, ["GET ", ...texts.map((text) => `POST ${text}`), "DELETE bye"]);
    }
    const versions = new Set(ids.flatMap((id) => calls.get(id).map((call) => call.version)));
    assert.deepEqual([...versions], [version]);
  });
}

test("over HTTP/2 many clients share a connection", () => {
  const sessions = new Set([...calls].filter(([id]) => id.startsWith("new-auto")).flatMap(([, all]) => all.map(({ session }) => session)));
  // As many as were begun before the first was there, at most.
  assert.ok(sessions.size < 20, `${sessions.size} connections`);
});

for (const prefix of ["new-http1", "old-h2", "misnamed", "stranger"]) {
  test(`${prefix}: nobody is asked, and nobody let in`, async () => {
    assert.equal(await connect(`${prefix}/nobody`), 502);
    assert.equal(calls.get("nobody"), undefined);
  });
}
