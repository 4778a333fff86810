// Subscriptions that the server makes: by token, by the user's own channel, by the API; seen by the published client.
import assert from "node:assert/strict";
import { after, test } from "node:test";

import { Centrifuge } from "centrifuge";
import { Centrifuge as ProtobufClient } from "centrifuge/build/protobuf";
import WebSocket from "ws";

import { hs256 } from "./jwt.mjs";
import { Server } from "./server.mjs";

const secret = "a-secret-of-the-backend";
const key = "a-key-of-the-backend-0123456789";
const config = `
[api]
keys = ["${key}"]

[client.token]
hmac_secret_key = "${secret}"

[client.subscribe_to_user_personal_channel]
enabled = true
single_connection = true

[[namespace]]
pattern = "kept.>"
subscribe = true
history.count = 100

[[namespace]]
pattern = "closed.>"
presence = true

[[namespace]]
pattern = ">"
`;

const server = await Server.start({ args: [], config });
const clients = [];
after(async () => {
  for (const one of clients) one.disconnect();
  await server.close();
});
const soon = { timeout: 30_000 };
const once = (emitter, event, fits = () => true) =>
  new Promise((resolve) => {
    const heard = (context) => {
      if (!fits(context)) return;
      emitter.off(event, heard);
      resolve(context);
    };
    emitter.on(event, heard);
  });

// A client, and all that it has been told of channels, in order.
async function client(claims, options = {}, Kind = Centrifuge) {
  const format = Kind === ProtobufClient ? "?format=protobuf" : "";
  const url = `ws://127.0.0.1:${server.port}/connection/websocket${format}`;
  const getToken = async () => hs256(claims, secret);
  const one = new Kind(url, { websocket: WebSocket, minReconnectDelay: 50, maxReconnectDelay: 200, getToken, ...options });
  one.on("error", () => {});
  one.heard = [];
  for (const event of ["subscribed", "unsubscribed", "publication"]) {
    one.on(event, (context) => one.heard.push({ event, ...context }));
  }
  clients.push(one);
  one.connect();
  one.id = (await once(one, "connected")).client;
  return one;
}

async function api(method, params) {
  const answer = await fetch(`${server.http}/api/${method}`, {
    method: "POST",
    headers: { "X-API-Key": key },
    body: JSON.stringify(params),
  });
  return answer.json();
}

async function until(what) {
  for (let tries = 0; !what(); tries++) {
    assert.ok(tries < 600, String(what));
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}

const text = (data) => (data instanceof Uint8Array ? JSON.parse(Buffer.from(data).toString()) : data);

for (const Kind of [Centrifuge, ProtobufClient]) {
  const name = Kind === Centrifuge ? "JSON" : "Protobuf";
  test(`a token names channels, and what is missed comes after a reconnect (${name})`, soon, async () => {
    const channel = `kept.token.${name}`;
    const ann = await client({ sub: `ann-${name}`, channels: [channel, `closed.${name}`] }, {}, Kind);
    const channels = ann.heard.filter(({ event }) => event === "subscribed").map(({ channel }) => channel);
    assert.deepEqual(channels.sort(), [`#ann-${name}`, `closed.${name}`, channel].sort());
    await api("publish", { channel, data: { n: 1 } });
    const count = () => ann.heard.filter((one) => one.event === "publication" && one.channel === channel).length;
    await until(() => count() === 1);
    const again = once(ann, "connected");
    ann._transport.close(); // the network breaks
    await api("publish", { channel, data: { n: 2 } });
    await api("publish", { channel, data: { n: 3 } });
    await again;
    await api("publish", { channel, data: { n: 4 } });
    await until(() => count() === 4);
    const seen = ann.heard.filter((one) => one.event === "publication" && one.channel === channel);
    assert.deepEqual(seen.map(({ data }) => text(data).n), [1, 2, 3, 4]);
    assert.equal((await api("presence_stats", { channel: `closed.${name}` })).result.num_clients, 1);
    ann.disconnect();
  });
}

test("a backend subscribes, publishes and unsubscribes", soon, async () => {
  const bob = await client({ sub: "bob" });
  for (let round = 0; round < 20; round++) {
    const channel = `closed.round${round}`;
    // Once it is answered, whatever is published reaches the client.
    assert.deepEqual(await api("subscribe", { user: "bob", channel, data: { why: round } }), { result: {} });
    assert.deepEqual(await api("publish", { channel, data: round }), { result: {} });
    assert.deepEqual(await api("unsubscribe", { user: "bob", channel }), { result: {} });
    await until(() => bob.heard.some((one) => one.event === "unsubscribed" && one.channel === channel));
    const told = bob.heard.filter((one) => one.channel === channel);
    assert.deepEqual(told.map(({ event }) => event), ["subscribed", "publication", "unsubscribed"]);
    assert.deepEqual([told[0].data, told[1].data], [{ why: round }, round]);
  }
  assert.equal((await api("subscribe", { user: "bob" })).error.code, 107);
});

test("a user has one connection, the newest", soon, async () => {
  const first = await client({ sub: "carl" });
  const gone = once(first, "disconnected");
  const second = await client({ sub: "carl" });
  assert.deepEqual([(await gone).code, second.state], [3504, "connected"]);
  await api("publish", { channel: "#carl", data: "yours" });
  await until(() => second.heard.some((one) => one.event === "publication" && one.data === "yours"));
});

test("a session is made longer, and ended", soon, async () => {
  const dora = await client({ sub: "dora", exp: Math.floor(Date.now() / 1000) + 600 });
  assert.deepEqual(await api("refresh", { user: "dora" }), { result: {} });
  const gone = once(dora, "connecting");
  assert.deepEqual(await api("refresh", { user: "dora", expired: true }), { result: {} });
  assert.equal((await gone).code, 3005);
});
