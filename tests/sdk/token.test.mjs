// Tokens as the SDK uses them: fetched, refreshed, refused; signed by `ringcast gentoken`, and by Node's own crypto.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import path from "node:path";
import { after, test } from "node:test";

import WebSocket from "ws";

import { begin, once } from "./clients.mjs";
import { hs256, part } from "./jwt.mjs";
import { binary, Server } from "./server.mjs";

const secret = "a-secret-of-the-backend";
const config = `
[client]
expired_close_delay_ms = 1000
expired_sub_close_delay_ms = 1000

[client.token]
hmac_secret_key = "${secret}"

[[namespace]]
pattern = "closed.>"
publish = true

[drain]
spread_ms = 100
deadline_ms = 5000
`;

const server = await Server.start({ args: [], config });
after(() => server.close());
const soon = { timeout: 30_000 };

const signed = (claims, key = secret) => hs256(claims, key);

const client = (options) => begin(server, options);

const now = () => Math.floor(Date.now() / 1000);
const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

test("a token that the command line made connects, and is told to be valid", soon, async () => {
  const ringcast = (...args) => execFileSync(binary, [...args, "--config", path.join(server.folder, "ringcast.toml")], { encoding: "utf8" });
  const token = ringcast("gentoken", "--user", "ann", "--ttl", "60").trim();
  assert.match(ringcast("checktoken", token), /^valid: a connection of user 'ann', expires in (59|60) s$/m);
  assert.throws(() => ringcast("checktoken", `${token}x`), (error) => error.status === 1);
  await once(client({ token }), "connected");
});

test("the SDK refreshes a connection token in time, and the connection stays", soon, async () => {
  let fetched = 0;
  const one = client({ getToken: async () => signed({ sub: "ann", exp: now() + (++fetched > 1 ? 60 : 2) }) });
  let left = 0;
  await once(one, "connected");
  one.on("connecting", () => left++);
  await wait(5_000);
  assert.deepEqual([fetched, left, one.state], [2, 0, "connected"]);
});

test("an expired token makes the SDK fetch a new one", soon, async () => {
  let fetched = 0;
  const one = client({
    token: signed({ sub: "ann", exp: now() - 5 }),
    getToken: async () => signed({ sub: "ann", exp: now() + 60, nr: ++fetched }),
  });
  await once(one, "connected");
  assert.equal(fetched, 1);
});

test("a token of another key, or of no key, is refused for good", soon, async () => {
  const unsigned = `${part({ alg: "none", typ: "JWT" })}.${part({ sub: "ann" })}.`;
  for (const token of [signed({ sub: "ann" }, "another"), unsigned, signed({ sub: "ann", channel: "closed.a" })]) {
    const context = await once(client({ token }), "disconnected");
    assert.equal(context.code, 3500, token);
  }
});

test("who does not refresh is disconnected after the grace", soon, async () => {
  const socket = new WebSocket(`ws://127.0.0.1:${server.port}/connection/websocket`);
  await once(socket, "open");
  const began = Date.now();
  socket.send(JSON.stringify({ id: 1, connect: { token: signed({ sub: "ann", exp: now() + 2 }) } }));
  const [code, reason] = await new Promise((resolve) => socket.on("close", (...all) => resolve(all)));
  assert.deepEqual([code, reason.toString()], [3005, "connection expired"]);
  assert.ok(Date.now() - began > 1_800, "not before the grace");
});

test("a subscription token opens a closed channel, is refreshed, and says who publishes", soon, async () => {
  const one = client({ token: signed({ sub: "ann", info: { name: "Ann" } }) });
  await once(one, "connected");
  const refused = one.newSubscription("closed.b");
  refused.subscribe();
  assert.equal((await once(refused, "unsubscribed")).code, 103);

  let fetched = 0;
  const getToken = async ({ channel }) =>
    signed({ sub: "ann", channel, info: { role: "admin" }, exp: now() + (++fetched > 1 ? 60 : 2) });
  const sub = one.newSubscription("closed.a", { getToken });
  let left = 0;
  sub.subscribe();
  await once(sub, "subscribed");
  sub.on("subscribing", () => left++).on("unsubscribed", () => left++);
  const heard = once(sub, "publication");
  await sub.publish({ text: "hi" });
  const { info } = await heard;
  assert.equal(info.user, "ann");
  assert.deepEqual([info.connInfo, info.chanInfo], [{ name: "Ann" }, { role: "admin" }]);
  await wait(5_000);
  assert.deepEqual([fetched, left, sub.state], [2, 0, "subscribed"]);
});
