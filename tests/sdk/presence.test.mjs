// Who is there: by the SDK and by the API, and how to be rid of them.
import assert from "node:assert/strict";
import { after, test } from "node:test";

import { begin, once } from "./clients.mjs";
import { hs256 } from "./jwt.mjs";
import { Server } from "./server.mjs";

const secret = "a-secret-of-the-backend";
const key = "a-key-of-the-backend-0123456789";
const config = `
[api]
keys = ["${key}"]

[client.token]
hmac_secret_key = "${secret}"

[[namespace]]
pattern = "room.>"
subscribe = true
presence = true
allow_presence_for_subscriber = true

[[namespace]]
pattern = "lobby.>"
subscribe = true
presence = true
join_leave = true
allow_presence_for_subscriber = true

[[namespace]]
pattern = "quiet.>"
subscribe = true

[drain]
spread_ms = 100
deadline_ms = 5000
`;

const server = await Server.start({ args: [], config });
after(() => server.close());
const soon = { timeout: 30_000 };

const signed = (claims) => hs256(claims, secret);

async function client(claims, options = {}) {
  const one = begin(server, { token: signed(claims), ...options });
  one.id = (await once(one, "connected")).client;
  return one;
}

const code = (promise) => promise.then(() => 0, (error) => error.code);

async function subscribed(one, channel, options) {
  const sub = one.newSubscription(channel, options);
  sub.subscribe();
  await sub.ready();
  return sub;
}

async function api(method, params, headers = {}) {
  const answer = await fetch(`${server.http}/api/${method}`, {
    method: "POST",
    headers: { "X-API-Key": key, ...headers },
    body: JSON.stringify(params),
  });
  return { status: answer.status, ...(await answer.json()) };
}

test("clients and backends see who is subscribed", soon, async () => {
  const channel = "room.seen";
  const ann = await client({ sub: "ann", info: { name: "Ann" } });
  const sub = await subscribed(ann, channel);
  const others = await Promise.all(["ann", "bob", "bob", ""].map((sub) => client({ sub })));
  const subs = await Promise.all(others.map((one) => subscribed(one, channel)));

  const { clients } = await sub.presence();
  assert.deepEqual(Object.keys(clients).sort(), [ann, ...others].map((one) => one.id).sort());
  const { user, client: id, connInfo, chanInfo } = clients[ann.id];
  assert.deepEqual([user, id, connInfo, chanInfo], ["ann", ann.id, { name: "Ann" }, undefined]);
  assert.deepEqual(await sub.presenceStats(), { numClients: 5, numUsers: 3 });
  const { result } = await api("presence", { channel });
  assert.deepEqual(result.presence[ann.id], { user: "ann", client: ann.id, conn_info: { name: "Ann" } });
  assert.equal(Object.keys(result.presence).length, 5);

  subs[0].unsubscribe();
  others[1].disconnect();
  for (let tries = 0; (await sub.presenceStats()).numClients !== 3; tries++) assert.ok(tries < 100);
  assert.deepEqual((await api("presence_stats", { channel })).result, { num_clients: 3, num_users: 3 });
});

test("subscribers are told who comes and goes", soon, async () => {
  const channel = "lobby.main";
  const [ann, deaf] = [await client({ sub: "ann" }), await client({ sub: "deaf" })];
  const bob = await client({ sub: "bob", info: { age: 7 } });
  const heard = [];
  const sub = ann.newSubscription(channel, { joinLeave: true });
  const others = deaf.newSubscription(channel);
  for (const [name, one] of [["ann", sub], ["deaf", others]]) {
    for (const event of ["join", "leave"]) one.on(event, ({ info }) => heard.push([name, event, info.client, info]));
  }
  const until = async (count) => {
    for (let tries = 0; heard.length < count; tries++) {
      assert.ok(tries < 400, JSON.stringify(heard));
      await new Promise((resolve) => setTimeout(resolve, 25));
    }
  };
  for (const one of [sub, others]) {
    one.subscribe();
    await one.ready();
  }
  await until(2);
  const his = await subscribed(bob, channel);
  await until(3);
  his.unsubscribe();
  await until(4);
  deaf.disconnect();
  await until(5);
  const seen = heard.map(([name, event, id]) => [name, event, id]);
  assert.deepEqual(seen, [
    ["ann", "join", ann.id],
    ["ann", "join", deaf.id],
    ["ann", "join", bob.id],
    ["ann", "leave", bob.id],
    ["ann", "leave", deaf.id],
  ]);
  assert.deepEqual([heard[2][3].user, heard[2][3].connInfo], ["bob", { age: 7 }]);
});

test("presence is refused with its codes", soon, async () => {
  const one = await client({ sub: "ann" });
  assert.equal(await code(one.presence("room.elsewhere")), 103);
  assert.equal(await code(one.presenceStats("quiet.a")), 108);
  assert.equal(await code(one.presence("unknown")), 102);
  assert.deepEqual((await api("presence", { channel: "room.nobody" })).result, { presence: {} });
  assert.equal((await api("presence_stats", { channel: "quiet.a" })).error.code, 108);
  const inStatus = await api("presence", { channel: "unknown" }, { "X-Centrifugo-Error-Mode": "transport" });
  assert.deepEqual([inStatus.status, inStatus.code], [404, 102]);
});

test("a user is disconnected, for good or to come back", soon, async () => {
  const [kept, gone, other] = [await client({ sub: "carl" }), await client({ sub: "carl" }), await client({ sub: "dora" })];
  const left = once(gone, "disconnected");
  assert.deepEqual(await api("disconnect", { user: "carl", whitelist: [kept.id] }), { status: 200, result: {} });
  const { code, reason } = await left;
  assert.deepEqual([code, reason], [3503, "force disconnect"]);
  assert.deepEqual([kept.state, other.state], ["connected", "connected"]);

  const connecting = once(kept, "connecting");
  const again = connecting.then(() => once(kept, "connected"));
  await api("disconnect", { user: "carl", client: kept.id, disconnect: { code: 4001, reason: "elsewhere" } });
  assert.deepEqual(await connecting, { code: 4001, reason: "elsewhere" });
  assert.notEqual((await again).client, kept.id);
});
