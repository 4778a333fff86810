// What one session may do and how often, as the SDK sees it: capabilities of tokens.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import path from "node:path";
import { after, test } from "node:test";

import { Centrifuge } from "centrifuge";
import WebSocket from "ws";

import { hs256 } from "./jwt.mjs";
import { binary, Server } from "./server.mjs";

const secret = "a-secret-of-the-backend";
const config = `
[client.token]
hmac_secret_key = "${secret}"

[http_api]
insecure = true

[[namespace]]
pattern = "open.>"
subscribe = true
publish = true
presence = true
allow_presence_for_client = true
allow_wildcards = true

[[namespace]]
pattern = "closed.>"
presence = true
allow_wildcards = true
history = { count = 10 }
force_recovery = false

[drain]
spread_ms = 100
deadline_ms = 5000
`;

const server = await Server.start({ args: [], config });
const clients = [];
after(async () => {
  for (const one of clients) one.disconnect();
  await server.close();
});
const soon = { timeout: 60_000 };

const signed = (claims) => hs256(claims, secret);
const now = () => Math.floor(Date.now() / 1000);
const once = (emitter, event) => new Promise((resolve) => emitter.once(event, resolve));
const code = (promise) => promise.then(() => 0, (error) => error.code);

function client(options, to = server) {
  const url = `ws://127.0.0.1:${to.port}/connection/websocket`;
  const one = new Centrifuge(url, { websocket: WebSocket, minReconnectDelay: 50, ...options });
  one.on("error", () => {});
  clients.push(one);
  one.connect();
  return one;
}

function subscribed(one, channel, options) {
  const sub = one.newSubscription(channel, options);
  const outcome = Promise.race([
    once(sub, "subscribed").then(() => 0),
    once(sub, "unsubscribed").then((context) => context.code),
  ]);
  sub.subscribe();
  return outcome.then((code) => ({ sub, code }));
}

async function api(method, params, to = server) {
  const answer = await fetch(`${to.http}/api/${method}`, { method: "POST", body: JSON.stringify(params) });
  return answer.json();
}

test("capabilities open a closed channel, for what they say and nothing else", soon, async () => {
  const caps = [
    { channels: ["closed.a"], allow: ["sub", "hst", "prs"] },
    { channels: ["closed.b*"], match: "wildcard", allow: ["sub", "pub"] },
    { channels: ["^closed\\.c_\\d+$"], match: "regex", allow: ["sub"] },
  ];
  const one = client({ token: signed({ sub: "ann", caps }) });
  await once(one, "connected");
  const { sub, code: opened } = await subscribed(one, "closed.a", { recoverable: true });
  assert.equal(opened, 0);
  await api("publish", { channel: "closed.a", data: { n: 1 } });
  assert.equal((await sub.history({ limit: 10 })).publications.length, 1);
  assert.equal((await sub.presenceStats()).numClients, 1);
  assert.equal(await code(sub.publish({})), 103);
  const { sub: writable } = await subscribed(one, "closed.b1");
  const heard = once(writable, "publication");
  await writable.publish({ n: 2 });
  assert.deepEqual((await heard).data, { n: 2 });
  assert.equal(await code(writable.presence()), 103);
  assert.deepEqual([(await subscribed(one, "closed.c_12")).code, (await subscribed(one, "closed.c_x")).code], [0, 103]);
  assert.equal((await subscribed(one, "closed.d")).code, 103);
});

test("a denial closes what the namespace opens, and no pattern leads around it", soon, async () => {
  const caps = [{ channels: ["closed.*"], match: "wildcard", allow: ["sub"] }, { channels: ["open.secret"], deny: ["sub", "pub", "prs"] }];
  const one = client({ token: signed({ sub: "bob", caps }) });
  await once(one, "connected");
  assert.equal((await subscribed(one, "open.secret")).code, 103);
  assert.equal((await subscribed(one, "open.*")).code, 103);
  assert.equal((await subscribed(one, "open.>")).code, 103);
  assert.equal(await code(one.publish("open.secret", {})), 103);
  assert.equal(await code(one.presence("open.secret")), 103);
  assert.equal(await code(one.publish("open.a", {})), 0);
  const { sub, code: spanned } = await subscribed(one, "closed.*");
  assert.equal(spanned, 0);
  const heard = once(sub, "publication");
  await api("publish", { channel: "closed.x", data: 3 });
  assert.equal((await heard).data, 3);
});

test("a refreshed token brings other capabilities", soon, async () => {
  let fetched = 0;
  const token = () => {
    const allow = fetched++ === 0 ? ["sub", "pub"] : ["pub"];
    return signed({ sub: "eve", exp: now() + (fetched > 1 ? 600 : 4), caps: [{ channels: ["closed.e"], allow }] });
  };
  const one = client({ getToken: async () => token() });
  await once(one, "connected");
  const { sub, code: opened } = await subscribed(one, "closed.e");
  assert.equal(opened, 0);
  assert.equal((await once(sub, "unsubscribed")).code, 2000);
  assert.equal(await code(one.publish("closed.e", {})), 0);
});

test("a subscription token allows more than subscribing", soon, async () => {
  const one = client({ token: signed({ sub: "ann" }) });
  await once(one, "connected");
  const of = (claims) => ({ token: signed({ sub: "ann", channel: "closed.s", ...claims }) });
  const { sub } = await subscribed(one, "closed.s", of({ allow: ["pub", "prs"] }));
  assert.deepEqual([await code(sub.publish({})), await code(sub.presence()), await code(sub.history({}))], [0, 0, 103]);
});

test("capabilities that are none make no token, and the command line says what they are", soon, async () => {
  for (const caps of [{}, [{ channels: ["a"], allow: ["read"] }], [{ channels: ["("], match: "regex", allow: ["sub"] }]]) {
    const context = await once(client({ token: signed({ sub: "ann", caps }) }), "disconnected");
    assert.equal(context.code, 3500);
  }
  const ringcast = (...args) =>
    execFileSync(binary, [...args, "--config", path.join(server.folder, "ringcast.toml")], { encoding: "utf8", stdio: "pipe" });
  const caps = '[{"channels":["closed.a"],"allow":["sub"],"deny":["pub"]}]';
  const token = ringcast("gentoken", "--user", "ann", "--caps", caps).trim();
  assert.ok(ringcast("checktoken", token).trim().endsWith(`, caps ${caps}`));
  assert.throws(() => ringcast("gentoken", "--user", "ann", "--caps", "[1]"), (error) => error.status === 2);
  const one = client({ token });
  await once(one, "connected");
  assert.equal((await subscribed(one, "closed.a")).code, 0);
});
