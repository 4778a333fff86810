// The configurations with which the SDKs' own suites run a server, in the files of suites/: it starts, and does what they need.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { after, test } from "node:test";

import { Centrifuge } from "centrifuge";
import WebSocket from "ws";

import { hs256 } from "./jwt.mjs";
import { Server } from "./server.mjs";

const servers = [];
const clients = [];
after(async () => {
  for (const one of clients) one.disconnect();
  for (const one of servers) await one.close();
});
const soon = { timeout: 30_000 };

// A server as a suite's file says; what it waits for when it leaves is no matter of the suite's.
async function suite(name) {
  const env = {};
  const args = ["--shutdown.timeout=5s", "--drain.spread_ms=100"];
  for (const line of (await readFile(new URL(`suites/${name}.env`, import.meta.url), "utf8")).split("\n")) {
    if (line.startsWith("--")) args.push(line);
    else if (line && !line.startsWith("#")) env[line.slice(0, line.indexOf("="))] = line.slice(line.indexOf("=") + 1);
  }
  const server = await Server.start({ args, env });
  servers.push(server);
  return server;
}

const signed = (claims) => hs256(claims, "secret");

const once = (emitter, event) => new Promise((resolve) => emitter.once(event, resolve));
const code = (promise) => promise.then(() => 0, (error) => error.code);

async function connected(server, options = {}) {
  const url = `ws://127.0.0.1:${server.port}/connection/websocket`;
  const one = new Centrifuge(url, { websocket: WebSocket, ...options });
  one.on("error", () => {});
  clients.push(one);
  one.connect();
  const outcome = await Promise.race([once(one, "connected"), once(one, "disconnected")]);
  assert.ok(outcome.client, `${outcome.code} ${outcome.reason}`);
  return one;
}

async function subscribed(one, channel, options = {}) {
  const sub = one.newSubscription(channel, options);
  sub.subscribe();
  const outcome = await Promise.race([once(sub, "subscribed"), once(sub, "unsubscribed")]);
  return { sub, outcome };
}

// Publishes, and waits until it has come back.
async function heard(sub, data) {
  const publication = once(sub, "publication");
  await sub.publish(data);
  return (await publication).data;
}

// Leaves, misses `count` publications, comes back: whether it recovered, and what it brought.
async function recovers(server, channel, count) {
  const one = await connected(server);
  const { sub } = await subscribed(one, channel);
  await heard(sub, { n: 0 });
  const other = await connected(server);
  const { sub: there } = await subscribed(other, channel);
  one.disconnect();
  for (let n = 1; n <= count; n++) await there.publish({ n });
  const missed = [];
  sub.on("publication", ({ data }) => missed.push(data.n));
  one.connect();
  const { recovered } = await once(sub, "subscribed");
  await new Promise((resolve) => setTimeout(resolve, 100));
  return { recovered, missed };
}

for (const name of ["js", "go", "swift"]) {
  test(`${name}: anybody connects, subscribes, publishes and recovers`, soon, async () => {
    const server = await suite(name);
    const one = await connected(server);
    const { sub, outcome } = await subscribed(one, "news");
    assert.ok(outcome.recoverable && outcome.positioned);
    assert.deepEqual(await heard(sub, { a: 1 }), { a: 1 });
    assert.equal((await sub.history({ limit: 10 })).publications.length, 1);
    assert.equal((await subscribed(one, "nowhere:a")).outcome.code, 102);
    assert.equal((await subscribed(one, "$news")).outcome.code, 103);
    assert.deepEqual(await recovers(server, "resumed", 3), { recovered: true, missed: [1, 2, 3] });
    assert.deepEqual(await recovers(server, "smallhistory:lost", 3), { recovered: false, missed: [] });
  });
}

test("js: a key of twelve characters opens the API; a token says who a client is", soon, async () => {
  const server = servers.find((one) => one.log.includes("DEBOUNCE"));
  const call = (headers) =>
    fetch(`${server.http}/api/publish`, { method: "POST", headers, body: '{"channel":"news","data":1}' });
  assert.equal((await call({ "X-API-Key": "test-api-key" })).status, 200);
  assert.equal((await call({})).status, 401);
  const ann = await connected(server, { token: signed({ sub: "ann" }) });
  const { sub } = await subscribed(ann, "recovery:who");
  const publication = once(sub, "publication");
  await sub.publish(1);
  assert.equal((await publication).info.user, "ann");
});

test("python: tokens for everything; who is subscribed publishes and reads the history", soon, async () => {
  const server = await suite("python");
  const stranger = new Centrifuge(`ws://127.0.0.1:${server.port}/connection/websocket`, { websocket: WebSocket });
  clients.push(stranger);
  stranger.connect();
  assert.equal((await once(stranger, "disconnected")).code, 3501);
  const one = await connected(server, { token: signed({ sub: "42" }) });
  assert.equal((await subscribed(one, "closed")).outcome.code, 103);
  assert.equal(await code(one.publish("news", 1)), 103);
  const token = signed({ sub: "42", channel: "news" });
  const { sub, outcome } = await subscribed(one, "news", { token });
  assert.ok(outcome.recoverable);
  assert.deepEqual(await heard(sub, { a: 1 }), { a: 1 });
  assert.equal((await sub.history({ limit: 10 })).publications.length, 1);
  const foreign = signed({ sub: "42", channel: "nowhere:a" });
  assert.equal((await subscribed(one, "nowhere:a", { token: foreign })).outcome.code, 102);
});

test("java: positions without recovery, and an API without a key", soon, async () => {
  const server = await suite("java");
  const one = await connected(server);
  const { sub, outcome } = await subscribed(one, "news");
  assert.ok(outcome.positioned && !outcome.recoverable);
  const publication = once(sub, "publication");
  const body = '{"channel":"news","data":{"from":"api"}}';
  assert.equal((await fetch(`${server.http}/api/publish`, { method: "POST", body })).status, 200);
  assert.deepEqual((await publication).data, { from: "api" });
  assert.deepEqual(await recovers(server, "recovery:resumed", 3), { recovered: true, missed: [1, 2, 3] });
  assert.deepEqual(await recovers(server, "smallhistory:lost", 3), { recovered: false, missed: [] });
});
