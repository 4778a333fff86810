// What one session may do and how often, as the SDK sees it: capabilities of tokens, operation rate limits, bans.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtemp, readFile } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { after, test } from "node:test";

import { begin, once } from "./clients.mjs";
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
after(() => server.close());
const soon = { timeout: 60_000 };

const signed = (claims) => hs256(claims, secret);
const now = () => Math.floor(Date.now() / 1000);
const code = (promise) => promise.then(() => 0, (error) => error.code);

const client = (options, to = server) => begin(to, options);

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

// ---- how often ----

const limited = await Server.start({
  args: [],
  config: `${config}
[client]
allow_anonymous_connect_without_token = true

[client.rate_limit.client_command]
enabled = true
publish = { enabled = true, buckets = [{ interval = "1h", rate = 3 }] }
subscribe = { enabled = true, buckets = [{ interval = "2s", rate = 1 }] }

[client.rate_limit.user_command]
enabled = true
history = { enabled = true, buckets = [{ interval = "1h", rate = 4 }] }
connect = { enabled = true, buckets = [{ interval = "1h", rate = 6 }] }
`,
});
after(() => limited.close());

test("what is over a connection's limit is refused, and the SDK subscribes again by itself", soon, async () => {
  const [one, two] = [client({ token: signed({ sub: "ann" }) }, limited), client({ token: signed({ sub: "ann" }) }, limited)];
  await Promise.all([once(one, "connected"), once(two, "connected")]);
  const codes = await Promise.all(Array.from({ length: 5 }, () => code(one.publish("open.a", {}))));
  assert.deepEqual(codes, [0, 0, 0, 111, 111]);
  assert.equal(await code(two.publish("open.a", {})), 0);
  const subs = ["open.b", "open.c"].map((channel) => one.newSubscription(channel, { minResubscribeDelay: 200 }));
  const errors = [];
  for (const sub of subs) sub.on("error", ({ error }) => errors.push(error.code));
  const both = Promise.all(subs.map((sub) => once(sub, "subscribed")));
  for (const sub of subs) sub.subscribe();
  await both;
  assert.ok(errors.length > 0 && errors.every((code) => code === 111), errors.join());
  const metrics = await (await fetch(`${limited.http}/metrics`)).text();
  const counted = (command) =>
    [...metrics.matchAll(/ringcast_rate_limited_total\{([^}]*)\} (\d+)/g)]
      .filter(([, labels]) => labels.includes(`command="${command}"`) && labels.includes('layer="client_command"'))
      .reduce((sum, [, , count]) => sum + Number(count), 0);
  assert.deepEqual([counted("publish"), counted("subscribe") > 0, counted("history")], [2, true, 0]);
  await api("publish", { channel: "open.a", data: 1 }, limited);
});

test("a user's connections share his limits, on whatever core", soon, async () => {
  const caps = [{ channels: ["closed.h"], allow: ["hst"] }];
  const of = (sub) => client({ token: signed({ sub, caps }) }, limited);
  // Two cores: whichever the kernel chooses for each of them.
  const all = Array.from({ length: 6 }, () => of("eve"));
  await Promise.all(all.map((one) => once(one, "connected")));
  const codes = [];
  for (const one of all) codes.push(await code(one.history("closed.h", { limit: 1 })));
  assert.deepEqual(codes, [0, 0, 0, 0, 111, 111]);
  const bob = of("bob");
  await once(bob, "connected");
  assert.equal(await code(bob.history("closed.h", { limit: 1 })), 0);
  // One connection too many is told to come again.
  const late = of("eve");
  const failed = await new Promise((resolve) => late.on("error", ({ error }) => resolve(error.code)));
  assert.equal(failed, 111);
  assert.notEqual(late.state, "disconnected");
  late.disconnect();
});

// ---- who is kept out ----

const bansFile = path.join(await mkdtemp(path.join(os.tmpdir(), "ringcast-bans-")), "bans.json");
const banning = await Server.start({ args: [], config: `${config}\n[bans]\nfile = "${bansFile}"\ncount_max = 4\n` });
after(() => banning.close());

test("a blocked user is out at once, on all his connections, and stays out over a restart", soon, async () => {
  const all = [1, 2, 3].map(() => client({ token: signed({ sub: "ann" }) }, banning));
  const bob = client({ token: signed({ sub: "bob" }) }, banning);
  await Promise.all([...all, bob].map((one) => once(one, "connected")));
  const ends = all.map((one) => once(one, "disconnected"));
  assert.deepEqual(await api("block_user", { user: "ann" }, banning), { result: {} });
  for (const end of ends) assert.equal((await end).code, 3503);
  assert.equal(bob.state, "connected");
  const again = () => once(client({ token: signed({ sub: "ann" }) }, banning), "disconnected");
  assert.equal((await again()).code, 3503);
  assert.deepEqual(JSON.parse(await readFile(bansFile, "utf8")).users, [{ name: "ann", until: null }]);
  // Other settings keep the list, and so does the next start.
  banning.child.kill("SIGHUP");
  assert.equal((await again()).code, 3503);
  await banning.stop();
  await banning.spawn();
  assert.equal((await again()).code, 3503);
  assert.deepEqual(await api("unblock_user", { user: "ann" }, banning), { result: {} });
  await once(client({ token: signed({ sub: "ann" }) }, banning), "connected");
});

test("a revoked token ends its connections, and the SDK fetches another one", soon, async () => {
  let fetched = 0;
  const token = () => signed({ sub: "eve", jti: `token-${++fetched}` });
  const one = client({ getToken: async () => token() }, banning);
  const other = client({ token: signed({ sub: "eve", jti: "another" }) }, banning);
  await Promise.all([once(one, "connected"), once(other, "connected")]);
  let left = 0;
  other.on("connecting", () => left++);
  const gone = once(one, "connecting");
  assert.deepEqual(await api("revoke_token", { uid: "token-1" }, banning), { result: {} });
  assert.equal((await gone).code, 3005);
  if (one.state !== "connected") await once(one, "connected");
  assert.deepEqual([fetched, left, other.state], [2, 0, "connected"]);
});

test("tokens from before a time are worth nothing, the user's newer ones are", soon, async () => {
  let fetched = 0;
  const made = (ago) => signed({ sub: "old", iat: now() - ago });
  const one = client({ getToken: async () => (++fetched, made(fetched > 1 ? 0 : 100)) }, banning);
  await once(one, "connected");
  const gone = once(one, "connecting");
  assert.deepEqual(await api("invalidate_user_tokens", { user: "old", issued_before: now() - 50 }, banning), { result: {} });
  assert.equal((await gone).code, 3005);
  if (one.state !== "connected") await once(one, "connected");
  assert.equal(fetched, 2);
});

test("a channel's subscription tokens are invalidated by themselves", soon, async () => {
  const one = client({ token: signed({ sub: "sam" }) }, banning);
  await once(one, "connected");
  let fetched = 0;
  const getToken = async ({ channel }) => (++fetched, signed({ sub: "sam", channel, iat: now() - (fetched > 1 ? 0 : 100) }));
  const { sub } = await subscribed(one, "closed.sam", { getToken });
  const gone = once(sub, "subscribing");
  const ban = { user: "sam", channel: "closed.sam", issued_before: now() - 50, expire_at: now() + 600 };
  assert.deepEqual(await api("invalidate_user_tokens", ban, banning), { result: {} });
  assert.equal((await gone).code, 2501);
  if (sub.state !== "subscribed") await once(sub, "subscribed");
  assert.deepEqual([fetched, one.state], [2, "connected"]);
});

test("a list that is full takes nobody else, and forgets nobody", soon, async () => {
  // Three entries are there: a token, a user's tokens, a channel's.
  assert.deepEqual(await api("block_user", { user: "fourth" }, banning), { result: {} });
  const refused = await api("block_user", { user: "fifth" }, banning);
  assert.equal(refused.error.code, 108);
  assert.match(refused.error.message, /bans\.count_max/);
  assert.equal((await once(client({ token: signed({ sub: "fourth" }) }, banning), "disconnected")).code, 3503);
  await once(client({ token: signed({ sub: "fifth" }) }, banning), "connected");
  const over = await api("block_user", { user: "fifth", expire_at: 1 }, banning);
  assert.equal(over.error.code, 107);
  const metrics = await (await fetch(`${banning.http}/metrics`)).text();
  assert.match(metrics, /ringcast_bans\{kind="user"\} 1/);
});
