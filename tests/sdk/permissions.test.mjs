// A server that is not open to everybody: keys for backends, namespaces for clients, both as SDKs and browsers see them.
import assert from "node:assert/strict";
import { after, test } from "node:test";

import { Centrifuge } from "centrifuge";
import WebSocket from "ws";

import { Server } from "./server.mjs";

const key = "a-key-of-the-backend-0123456789";
const namespaces = `
[api]
keys = ["${key}"]

[[namespace]]
pattern = "news.*"
subscribe = true

[[namespace]]
pattern = "chat.>"
subscribe = true
publish = true
history = { count = 10 }
allow_history_for_subscriber = true
allow_history_for_anonymous = true

[[namespace]]
pattern = "kept.*"
subscribe = true
history = { count = 10 }

[[namespace]]
pattern = "inner.*"

[drain]
spread_ms = 100
deadline_ms = 5000
`;

const open = await Server.start({ args: [], config: `${namespaces}\n[centrifugo]\nanonymous = true\n` });
const closed = await Server.start({ args: [], config: namespaces });
const clients = [];
after(async () => {
  for (const one of clients) one.disconnect();
  await open.close();
  await closed.close();
});

const url = (server, path) => `ws://127.0.0.1:${server.port}${path}`;
const soon = { timeout: 20_000 };

function client(server, options = {}) {
  const one = new Centrifuge(url(server, "/connection/websocket"), { websocket: WebSocket, ...options });
  one.on("error", () => {});
  clients.push(one);
  one.connect();
  return one;
}

const once = (emitter, event) => new Promise((resolve) => emitter.once(event, resolve));
const code = (promise) => promise.then(() => 0, (error) => error.code);

function subscribed(one, channel) {
  const sub = one.newSubscription(channel);
  const outcome = Promise.race([
    once(sub, "subscribed").then(() => 0),
    once(sub, "unsubscribed").then((context) => context.code),
  ]);
  sub.subscribe();
  return outcome.then((code) => ({ sub, code }));
}

async function post(server, path, headers, body = "1") {
  const answer = await fetch(`${server.http}${path}`, { method: "POST", body, headers });
  await answer.text();
  return answer.status;
}

// How an upgrade ends: 101, or the refusal's status.
function upgrade(server, path, headers = {}) {
  return new Promise((resolve, refuse) => {
    const socket = new WebSocket(url(server, path), { headers });
    socket.on("open", () => resolve(101, socket.close()));
    socket.on("unexpected-response", (_, answer) => resolve(answer.statusCode, answer.destroy()));
    socket.on("error", refuse);
  });
}

test("whoever has no token is turned away for good, unless anonymous clients are allowed", soon, async () => {
  const context = await once(client(closed), "disconnected");
  assert.equal(context.code, 3501);
  const anonymous = client(open);
  await once(anonymous, "connected");
});

test("a token is refused for good: there is no key to verify it with", soon, async () => {
  const context = await once(client(open, { token: "a.b.c" }), "disconnected");
  assert.equal(context.code, 3500);
});

test("a namespace says who may subscribe and publish", soon, async () => {
  const one = client(open);
  await once(one, "connected");
  assert.equal((await subscribed(one, "news.sport")).code, 0);
  assert.equal((await subscribed(one, "chat.room.1")).code, 0);
  assert.equal((await subscribed(one, "inner.x")).code, 103, "permission denied");
  assert.equal((await subscribed(one, "elsewhere")).code, 102, "unknown channel");
  assert.equal(await code(one.publish("chat.room.1", {})), 0);
  assert.equal(await code(one.publish("news.sport", {})), 103);
  assert.equal(await code(one.publish("elsewhere", {})), 102);
  assert.equal(one.state, "connected");
});

test("a namespace says who may read its history", soon, async () => {
  const one = client(open);
  await once(one, "connected");
  assert.equal(await code(one.history("chat.room.2")), 103, "not subscribed");
  const { sub } = await subscribed(one, "chat.room.2");
  await sub.publish("kept");
  const { publications } = await sub.history({ limit: 10 });
  assert.deepEqual(publications.map(({ data }) => data), ["kept"]);
  assert.equal((await subscribed(one, "kept.a")).code, 0);
  assert.equal(await code(one.history("kept.a")), 103, "nobody may");
  assert.equal(await code(one.history("news.sport")), 108, "nothing is kept");
  assert.equal(await code(one.history("elsewhere")), 102);
  const ask = async (channel) => {
    const headers = { "X-API-Key": key };
    const body = JSON.stringify({ channel, limit: -1 });
    return (await fetch(`${open.http}/api/history`, { method: "POST", headers, body })).json();
  };
  assert.deepEqual((await ask("kept.a")).result.publications, []);
  assert.equal((await ask("news.sport")).error.code, 108);
  assert.equal((await ask("elsewhere")).error.code, 102);
});

test("a backend publishes with its key, and its subscribers hear it", soon, async () => {
  const one = client(open);
  await once(one, "connected");
  const { sub } = await subscribed(one, "news.weather");
  const heard = [];
  const all = new Promise((resolve) => sub.on("publication", ({ data }) => heard.push(data) === 4 && resolve()));
  assert.equal(await post(open, "/pub/news.weather", { "X-API-Key": key }), 200);
  assert.equal(await post(open, "/pub/news.weather", { Authorization: `apikey ${key}` }, "2"), 200);
  const call = (data) => JSON.stringify({ channel: "news.weather", data });
  assert.equal(await post(open, "/api/publish", { "X-API-Key": key }, call(3)), 200);
  assert.equal(await post(open, "/api/publish", { Authorization: `apikey ${key}` }, call(4)), 200);
  await all;
  assert.deepEqual(heard, [1, 2, 3, 4]);
});

test("without the key nothing is published, and it is said why", soon, async () => {
  for (const headers of [{}, { "X-API-Key": "wrong" }, { Authorization: `Bearer ${key}` }, { "X-API-Key": `${key}x` }]) {
    assert.ok([401, 403].includes(await post(open, "/pub/news.sport", headers)), JSON.stringify(headers));
    assert.equal(await post(open, "/api/publish", headers, '{"channel":"news.sport","data":1}'), 401);
    assert.equal(await upgrade(open, "/pub", headers), 401);
  }
  assert.equal(await post(open, "/pub/chat.room", {}), 200, "clients may publish here");
  assert.equal(await upgrade(open, "/pub", { "X-API-Key": key }), 101);
});

test("plain listeners need the namespace's permission, and there is no echo", soon, async () => {
  assert.equal(await upgrade(open, "/sub/news.sport"), 101);
  assert.equal(await upgrade(open, "/sub/news.sport,inner.x"), 403);
  assert.equal(await upgrade(open, "/sub/elsewhere"), 403);
  assert.equal(await upgrade(open, "/echo"), 404);
  const poll = await fetch(`${open.http}/sub/inner.x?timeout=1`);
  assert.equal(poll.status, 403);
  assert.ok((await poll.json()).error.length > 0);
});
