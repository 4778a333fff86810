// Event proxies over GRPC: back ends are GRPC's own library for Node, and servers that are none; clients are the published one.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { once as event } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { createServer } from "node:http";
import http2 from "node:http2";
import os from "node:os";
import path from "node:path";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";

import grpc from "@grpc/grpc-js";
import { loadSync } from "@grpc/proto-loader";
import { Centrifuge } from "centrifuge/build/protobuf";
import WebSocket from "ws";

import { begin, once } from "./clients.mjs";
import { until } from "./example.mjs";
import { Server, freePort } from "./server.mjs";

const proto = fileURLToPath(new URL("../../docs/examples/grpc/proxy.proto", import.meta.url));
const { service } = grpc.loadPackageDefinition(loadSync(proto, { keepCase: true, longs: Number, defaults: true })).centrifugal.centrifugo.proxy.CentrifugoProxy;

// What was asked, by method; and how it is answered. A time that is over in a second or two.
const asked = [];
const questions = (method, of = () => true) => asked.filter((one) => one.method === method && of(one.request));
const soonS = () => Math.floor(Date.now() / 1000) + 2;
const json = (value) => Buffer.from(JSON.stringify(value));
const failure = (code) => Object.assign(new Error("as asked"), { code });
const answers = {
  Connect: ({ request, metadata }) => {
    const user = /session=(\w+)/.exec(metadata.get("cookie")[0] ?? "")?.[1];
    const { wish } = request.data.length > 0 ? JSON.parse(request.data) : {};
    if (wish === "error") return { error: { code: 4242, message: "not now" } };
    if (wish === "disconnect") return { disconnect: { code: 4501, reason: "not you" } };
    if (wish === "nothing") return {};
    if (wish === "fail") throw failure(grpc.status.INTERNAL);
    if (wish === "brief") return { result: { user, expire_at: soonS() } };
    return { result: { user, info: json({ name: "Ann" }), data: json({ hello: user }), channels: ["given"], subs: { told: { data: json({ a: 1 }) } }, meta: json({ tenant: 7 }) } };
  },
  Refresh: ({ request }) => (questions("Refresh", (one) => one.client === request.client).length < 2 ? { result: { expire_at: soonS() } } : { result: { expired: true } }),
  SubRefresh: ({ request }) => (questions("SubRefresh", (one) => one.client === request.client).length < 2 ? { result: { expire_at: soonS() } } : {}),
  Subscribe: ({ request }) => {
    if (request.channel.startsWith("brief:")) return { result: { expire_at: soonS() } };
    if (request.channel.endsWith("closed")) return { error: { code: 403, message: "closed" } };
    return { result: { data: json({ of: request.user }) } };
  },
  Publish: ({ request }) => {
    if (request.b64data) return { result: { b64data: request.b64data } };
    return { result: { data: json({ ...JSON.parse(request.data), seen: true }), tags: { k: "v" } } };
  },
  RPC: ({ request }) => {
    const { user, method, data } = request;
    if (method.startsWith("status")) throw failure(Number(method.slice(6)));
    if (method === "large") return { result: { data: Buffer.alloc(5 << 20) } };
    if (method.endsWith("hang")) return new Promise(() => {});
    if (method === "leave") return { disconnect: { code: 4502, reason: "go" } };
    return { result: { data: method === "echo" ? data : json({ user, method, data: JSON.parse(data) }) } };
  },
};

async function back_end(credentials = grpc.ServerCredentials.createInsecure(), port = 0) {
  const server = new grpc.Server();
  const handler = (method) => async (call, callback) => {
    asked.push({ method, request: call.request, metadata: call.metadata, deadline: call.getDeadline() });
    try {
      callback(null, await answers[method](call));
    } catch (error) {
      callback(error);
    }
  };
  server.addService(service, Object.fromEntries(Object.keys(answers).map((method) => [method, handler(method)])));
  const bound = await new Promise((resolve, reject) => server.bindAsync(`127.0.0.1:${port}`, credentials, (error, port) => (error ? reject(error) : resolve(port))));
  return { server, port: bound };
}

// An authority, and a certificate of it for a name.
const folder = await mkdtemp(path.join(os.tmpdir(), "ringcast-grpc-"));
async function certificate(authority, name) {
  const openssl = (line) => execFileSync("openssl", line.split(" "), { cwd: folder, stdio: "pipe" });
  const key = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes";
  openssl(`req -x509 ${key} -keyout ${authority}.key -out ${authority}.pem -days 3 -subj /CN=${authority}`);
  const extensions = `-addext subjectAltName=DNS:${name} -addext basicConstraints=critical,CA:FALSE`;
  openssl(`req -x509 ${key} -keyout ${name}.key -out ${name}.pem -days 3 -subj /CN=${name} -CA ${authority}.pem -CAkey ${authority}.key ${extensions}`);
  return readFile(path.join(folder, `${authority}.pem`));
}
const ours = await certificate("ours", "back.example");
await certificate("theirs", "stranger.example");
const file = (name) => path.join(folder, name);
const pair = { private_key: await readFile(file("back.example.key")), cert_chain: await readFile(file("back.example.pem")) };

const plain = await back_end();
const secure = await back_end(grpc.ServerCredentials.createSsl(ours, [pair], true));
// Servers of something else, and of too little.
const page = createServer((_, response) => response.end("a page"));
const page2 = http2.createServer((_, response) => response.end("a page"));
const silent = http2.createServer((_, response) => {
  response.writeHead(200, { "content-type": "application/grpc" });
  response.end(Buffer.from([0, 0, 0, 0, 0]));
});
const others = [page, page2, silent];
for (const other of others) {
  other.listen(0, "127.0.0.1");
  await event(other, "listening");
}
const nobody = await freePort();
const named = { page: page.address().port, page2: page2.address().port, silent: silent.address().port, nobody, fast: plain.port, packed: plain.port, secure: secure.port, unsure: secure.port, anonymous: secure.port, misnamed: secure.port, blind: secure.port };
const tls = (ca, name, identity) => `
[proxies.grpc.tls]
enabled = true
server_ca_pem = "${file(`${ca}.pem`)}"
server_name = "${name}"
${identity ? `cert_pem = "${file(`${identity}.pem`)}"\nkey_pem = "${file(`${identity}.key`)}"` : ""}
`;
const more = {
  fast: 'timeout = "1s"',
  packed: "grpc = { compression = true }",
  secure: tls("ours", "back.example", "back.example"),
  unsure: tls("theirs", "back.example", "back.example"),
  anonymous: tls("ours", "back.example"),
  misnamed: tls("ours", "other.example", "back.example"),
  blind: `${tls("theirs", "other.example", "back.example")}insecure_skip_verify = true\n`,
};
const config = `
pid_file = "${file("pid")}"

[client.proxy.connect]
enabled = true
endpoint = "grpc://127.0.0.1:${plain.port}"
timeout = "60s"
http_headers = ["Cookie"]
emulated_headers = ["X-Said", "X-Bin"]

[client.proxy.connect.grpc]
credentials_key = "X-Key"
credentials_value = "secret"
static_metadata = { X-Said = "ours", X-Static = "ours", X-Static-Bin = "bytes" }

[client.proxy.refresh]
enabled = true
endpoint = "127.0.0.1:${plain.port}"
timeout = "60s"

[channel.proxy.subscribe]
endpoint = "grpc://127.0.0.1:${plain.port}"
timeout = "60s"
include_connection_meta = true

[channel.proxy.sub_refresh]
endpoint = "grpc://127.0.0.1:${plain.port}"
timeout = "60s"

[channel.proxy.publish]
endpoint = "grpc://127.0.0.1:${plain.port}"
timeout = "60s"

[rpc.without_namespace]
proxy_enabled = true

[rpc.proxy]
endpoint = "grpc://127.0.0.1:${plain.port}"
timeout = "60s"
include_connection_meta = true

[channel.without_namespace]

[[channel.namespaces]]
name = "asked"
subscribe_proxy_enabled = true
publish_proxy_enabled = true

[[channel.namespaces]]
name = "binary"
subscribe_proxy_enabled = true
publish_proxy_enabled = true
publish_proxy_name = "binary"
publication_data_format = "binary"

[[channel.namespaces]]
name = "brief"
subscribe_proxy_enabled = true
sub_refresh_proxy_enabled = true

[[proxies]]
name = "binary"
endpoint = "grpc://127.0.0.1:${plain.port}"
timeout = "60s"
binary_encoding = true

${Object.entries(named).map(([name, port]) => `[[proxies]]\nname = "${name}"\nendpoint = "grpc://127.0.0.1:${port}"\n${name === "fast" ? "" : 'timeout = "60s"'}\n${more[name] ?? ""}\n`).join("")}
${Object.keys(named).map((name) => `[[rpc.namespaces]]\nname = "${name}"\nproxy_enabled = true\nproxy_name = "${name}"\n`).join("")}
[drain]
spread_ms = 100
deadline_ms = 5000
`;
const server = await Server.start({ args: [], config });
after(async () => {
  assert.equal((await readFile(file("pid"), "utf8")).trim(), String(server.child.pid));
  await server.close();
  await assert.rejects(readFile(file("pid")), { code: "ENOENT" });
  for (const one of [plain, secure]) one.server.forceShutdown();
  page.closeAllConnections();
  for (const other of others) other.close();
  await rm(folder, { recursive: true });
});
const soon = { timeout: 120_000 };

function socket(user) {
  return class extends WebSocket {
    constructor(address, protocols) {
      super(address, protocols, { headers: { Cookie: `session=${user}` } });
    }
  };
}
const client = (user, options = {}) => begin(server, { websocket: socket(user), ...options });

// How often a proxy's questions ended so, or in any way. Metrics are some moments old.
async function ended(proxy, outcome) {
  const text = await (await fetch(`${server.http}/metrics`)).text();
  const lines = text.split("\n").filter((line) => line.startsWith("ringcast_proxy_requests_total{") && line.includes(`proxy="${proxy}"`) && line.includes(`outcome="${outcome}`));
  return lines.reduce((sum, line) => sum + Number(line.split(" ").at(-1)), 0);
}

test("a back end says who connects, and subscribes it", soon, async () => {
  const headers = { "X-Said": "so", "X-Other": "o", "X-Key": "guessed" };
  const one = client("ann", { data: { wish: "in" }, name: "script", version: "7", headers });
  const subs = new Map();
  one.on("subscribed", (context) => subs.set(context.channel, context.data));
  const context = await once(one, "connected");
  assert.deepEqual(context.data, { hello: "ann" });
  assert.ok(!JSON.stringify(context).includes("tenant"), "it is not told of its meta");
  const [{ request, metadata, deadline }] = questions("Connect", ({ client }) => client === context.client);
  const { data, ...rest } = request;
  assert.deepEqual([rest, JSON.parse(data)], [{ client: context.client, transport: "websocket", protocol: "json", encoding: "json", name: "script", version: "7", channels: [], b64data: "" }, { wish: "in" }]);
  const told = ["cookie", "x-said", "x-static", "x-key", "x-other"].map((name) => metadata.get(name));
  assert.deepEqual(told, [["session=ann"], ["so"], ["ours"], ["secret"], []]);
  assert.deepEqual(metadata.get("x-static-bin"), [Buffer.from("bytes")]);
  assert.ok(new Date(deadline) - Date.now() < 60_000, "it has a deadline");
  assert.deepEqual([...subs.keys()].sort(), ["given", "told"]);
  assert.deepEqual(subs.get("told"), { a: 1 });
});

test("who is not let in is told why", soon, async () => {
  const code = async (wish) => (await once(client("bob", { data: { wish } }), "disconnected")).code;
  assert.deepEqual([await code("disconnect"), await code("nothing"), await code("error")], [4501, 3501, 4242]);
  const one = client("bob", { data: { wish: "fail" } });
  assert.equal(await new Promise((resolve) => one.on("error", ({ error }) => error.code !== 2 && resolve(error.code))), 100);
  one.disconnect();
});

test("a back end answers for subscriptions, publications and calls", soon, async () => {
  const one = client("cat");
  await once(one, "connected");
  const open = one.newSubscription("asked:open");
  const subscribed = once(open, "subscribed");
  open.subscribe();
  assert.deepEqual((await subscribed).data, { of: "cat" });
  const [{ request }] = questions("Subscribe", ({ user }) => user === "cat");
  assert.deepEqual([request.channel, JSON.parse(request.meta)], ["asked:open", { tenant: 7 }]);
  const closed = one.newSubscription("asked:closed");
  const refused = once(closed, "unsubscribed");
  closed.subscribe();
  assert.equal((await refused).code, 403);
  const heard = once(open, "publication");
  await open.publish({ text: "hi" });
  const publication = await heard;
  assert.deepEqual([publication.data, publication.tags], [{ text: "hi", seen: true }, { k: "v" }]);
  assert.deepEqual(publication.info.connInfo, { name: "Ann" });
  const all = await Promise.all([1, 2, 3, 4, 5].map((number) => one.rpc("add", { number })));
  assert.deepEqual(all.map((answer) => answer.data), [1, 2, 3, 4, 5].map((number) => ({ user: "cat", method: "add", data: { number } })));
  const gone = once(one, "disconnected");
  one.rpc("leave", {}).catch(() => {});
  assert.equal((await gone).code, 4502);
});

test("bytes that are no JSON go both ways, as they are and in base64", soon, async () => {
  const one = new Centrifuge(`ws://127.0.0.1:${server.port}/connection/websocket?format=protobuf`, { protocol: "protobuf", websocket: socket("dan") });
  one.connect();
  await once(one, "connected");
  const bytes = new Uint8Array([0xff, 0, 0x7b]);
  assert.deepEqual([...(await one.rpc("echo", bytes)).data], [...bytes]);
  const sub = one.newSubscription("binary:all");
  const subscribed = once(sub, "subscribed");
  sub.subscribe();
  await subscribed;
  const heard = once(sub, "publication");
  await sub.publish(bytes);
  assert.deepEqual([...(await heard).data], [...bytes]);
  const [{ request }] = questions("Publish", ({ user }) => user === "dan");
  assert.deepEqual([request.encoding, request.b64data, request.data.length], ["binary", "/wB7", 0]);
  one.disconnect();
});

test("a session and a subscription last as long as the back end says", soon, async () => {
  const one = client("gus", { data: { wish: "brief" } });
  const first = await once(one, "connected");
  const again = await new Promise((resolve) => one.on("connecting", resolve));
  assert.deepEqual([again.code, questions("Refresh", ({ client }) => client === first.client).length], [3005, 2]);
  one.disconnect();
  const other = client("hal");
  const { client: id } = await once(other, "connected");
  const brief = other.newSubscription("brief:b");
  const begun = once(brief, "subscribed");
  brief.subscribe();
  await begun;
  const over = await new Promise((resolve) => brief.on("subscribing", resolve));
  const asks = questions("SubRefresh", ({ client }) => client === id);
  assert.deepEqual([over.code, asks.length, asks[0].request.channel, asks[0].request.user], [2501, 2, "brief:b", "hal"]);
});

test("what is no answer is error 100, and counted by its kind", soon, async () => {
  const one = client("ida");
  await once(one, "connected");
  for (const [method, proxy, outcome] of [
    ["status13", "rpc.proxy", "status"],
    ["status14", "rpc.proxy", "busy"],
    ["large", "rpc.proxy", "too_large"],
    ["fast:hang", "proxies.fast", "timed_out"],
    ["nobody:x", "proxies.nobody", "unreachable"],
    ["page:x", "proxies.page", "broken"],
    ["page2:x", "proxies.page2", "content_type"],
    ["silent:x", "proxies.silent", "no_status"],
    ["unsure:x", "proxies.unsure", "unreachable"],
    ["misnamed:x", "proxies.misnamed", "unreachable"],
  ]) {
    const before = await ended(proxy, outcome);
    const error = await one.rpc(method, {}).then(() => undefined, (error) => error);
    assert.equal(error?.code, 100, method);
    await until(async () => (await ended(proxy, outcome)) === before + 1);
  }
  // A handshake of TLS 1.3 is over before the back end has looked at the certificate that is missing.
  await assert.rejects(one.rpc("anonymous:x", {}), (error) => error.code === 100);
  await until(async () => (await ended("proxies.anonymous", "")) === 1);
  assert.equal(await ended("proxies.anonymous", "ok"), 0);
  assert.equal((await one.rpc("add", {})).data.user, "ida", "and nothing else is disturbed");
});

test("questions are compressed where that is set, and certificates shown", soon, async () => {
  const one = client("jon");
  await once(one, "connected");
  const text = "long ".repeat(1000);
  assert.deepEqual((await one.rpc("packed:x", { text })).data.data, { text });
  const { metadata } = questions("RPC", ({ user, method }) => user === "jon" && method === "packed:x")[0];
  assert.deepEqual(metadata.get("x-key"), []);
  assert.deepEqual((await one.rpc("secure:x", { a: 1 })).data, { user: "jon", method: "secure:x", data: { a: 1 } });
  await until(async () => (await ended("proxies.secure", "ok")) === 1);
  assert.equal((await one.rpc("blind:x", {})).data.method, "blind:x");
  assert.match(server.log, /^proxies\.blind: INSECURE: /m);
});

test("a back end that comes back is asked again", soon, async () => {
  const one = client("kim");
  await once(one, "connected");
  assert.equal((await one.rpc("packed:x", {})).data.user, "kim");
  const { port } = plain;
  plain.server.forceShutdown();
  await assert.rejects(one.rpc("packed:x", {}), (error) => error.code === 100);
  plain.server = (await back_end(undefined, port)).server;
  assert.equal((await one.rpc("packed:x", {})).data.user, "kim");
});
