// Deltas, with the published client in both encodings: what it is told is what was published, and most of it is told as deltas.
import assert from "node:assert/strict";
import { after, test } from "node:test";

import { Centrifuge } from "centrifuge";
import { Centrifuge as ProtobufCentrifuge } from "centrifuge/build/protobuf";
import WebSocket from "ws";

import { Cable, Server } from "./server.mjs";

const config = `
[[namespace]]
pattern = "delta.>"
subscribe = true
allow_history_for_client = true
allow_history_for_anonymous = true
history_size = 200
allowed_delta_types = ["fossil"]
delta_publish = true

[[namespace]]
pattern = "asked.>"
subscribe = true
history_size = 200
allowed_delta_types = ["fossil"]

[[namespace]]
pattern = "tags.>"
subscribe = true
allow_tags_filter = true

[[namespace]]
pattern = "cache.>"
subscribe = true
history_size = 1
force_recovery = true
force_recovery_mode = "cache"
auto_cache_recover = true

[[namespace]]
pattern = "wild.>"
subscribe = true
allow_wildcards = true

[client]
allow_anonymous_connect_without_token = true

[http_api]
insecure = true

[drain]
spread_ms = 100
deadline_ms = 5000
`;

const server = await Server.start({ args: [], config });
const cable = await Cable.lay(server.port);
const clients = [];
after(async () => {
  for (const one of clients) one.disconnect();
  cable.close();
  await server.close();
});
const soon = { timeout: 60_000 };
const once = (emitter, event) => new Promise((resolve) => emitter.once(event, resolve));

// Counts the bytes that come, which is how one sees that they are deltas.
function counting() {
  return class extends WebSocket {
    constructor(...args) {
      super(...args);
      this.on("message", (message) => (counting.bytes += message.byteLength ?? message.length));
    }
  };
}
counting.bytes = 0;

function client(encoding) {
  const url = `ws://127.0.0.1:${cable.port}/connection/websocket`;
  const options = { websocket: counting(), minReconnectDelay: 50, maxReconnectDelay: 200 };
  const one = encoding === "json" ? new Centrifuge(url, options) : new ProtobufCentrifuge(url, { ...options, protocol: "protobuf" });
  one.on("error", () => {});
  clients.push(one);
  one.connect();
  return one;
}

async function api(method, params) {
  const answer = await fetch(`${server.http}/api/${method}`, { method: "POST", body: JSON.stringify(params) });
  const { error, result } = await answer.json();
  assert.equal(error, undefined);
  return result;
}

// A document of which little changes: with letters of two, three and four bytes beside what does.
const padding = "äöü € 😀 ".repeat(60);
const state = (number) => ({ title: "Zürich", temperature: `${number} °C ${"é".repeat(number % 3)}`, padding, number });

function decoded(data) {
  return data instanceof Uint8Array ? JSON.parse(new TextDecoder().decode(data)) : data;
}

for (const encoding of ["json", "protobuf"]) {
  test(`${encoding}: live, cut off, and recovered`, soon, async () => {
    const channel = `delta.${encoding}`;
    const sub = client(encoding).newSubscription(channel, { delta: "fossil" });
    const seen = [];
    let wake = () => {};
    sub.on("publication", ({ data }) => wake(seen.push(decoded(data))));
    const until = (count) => new Promise((resolve) => (wake = () => seen.length >= count && resolve())(seen.length));
    sub.subscribe();
    await sub.ready();
    counting.bytes = 0;
    for (let number = 0; number < 40; number++) await api("publish", { channel, data: state(number) });
    await until(40);
    const whole = 40 * JSON.stringify(state(0)).length;
    assert.ok(counting.bytes < whole / 4, `${counting.bytes} bytes of ${whole}`);

    const again = once(sub, "subscribing");
    cable.cut();
    await again;
    const back = once(sub, "subscribed");
    for (let number = 40; number < 60; number++) await api("publish", { channel, data: state(number) });
    cable.mend();
    const { recovered, wasRecovering } = await back;
    assert.deepEqual([recovered, wasRecovering], [true, true]);
    await until(60);
    // Cut off with nothing missed: what it has, it has to be told anew or keeps.
    const thirdTime = once(sub, "subscribing");
    cable.cut();
    await thirdTime;
    const there = once(sub, "subscribed");
    cable.mend();
    await there;
    for (let number = 60; number < 80; number++) await api("publish", { channel, data: state(number) });
    await until(80);
    assert.deepEqual(seen, Array.from({ length: 80 }, (_, number) => state(number)));
    const { publications } = await sub.history({ limit: 2 });
    assert.deepEqual(publications.map(({ data }) => decoded(data)), [state(0), state(1)]);
  });

  test(`${encoding}: only what the publisher wants`, soon, async () => {
    const channel = `asked.${encoding}`;
    const sub = client(encoding).newSubscription(channel, { delta: "fossil" });
    const seen = [];
    const all = new Promise((resolve) => sub.on("publication", ({ data }) => seen.push(decoded(data)) === 20 && resolve()));
    sub.subscribe();
    await sub.ready();
    for (let number = 0; number < 20; number++) {
      await api("publish", { channel, data: state(number), delta: number % 3 > 0, skip_history: number % 5 === 4 });
    }
    await all;
    assert.deepEqual(seen, Array.from({ length: 20 }, (_, number) => state(number)));
  });
}

// The SDK's `tagsFilter` and its cache recovery.
test("filters by tags, and the newest only", soon, async () => {
  const one = client("json");
  const filter = { op: "or", nodes: [{ key: "market", cmp: "eq", val: "crypto" }, { key: "price", cmp: "gt", val: "99.5" }] };
  const sub = one.newSubscription("tags.a", { tagsFilter: filter });
  const seen = [];
  const last = new Promise((resolve) => sub.on("publication", ({ data }) => seen.push(data) && data === "last" && resolve()));
  sub.subscribe();
  await sub.ready();
  for (const [data, tags] of [
    [1, { market: "crypto" }],
    [2, { market: "stocks", price: "99.50" }],
    [3, { market: "stocks", price: "100" }],
    [4, undefined],
    ["last", { market: "crypto" }],
  ]) {
    await api("publish", { channel: "tags.a", data, tags });
  }
  await last;
  assert.deepEqual(seen, [1, 3, "last"]);
  const refused = one.newSubscription("delta.json.other", { tagsFilter: filter });
  const outcome = once(refused, "unsubscribed");
  refused.subscribe();
  assert.equal((await outcome).code, 107);

  for (const data of [1, 2, 3]) await api("publish", { channel: "cache.a", data });
  const state = one.newSubscription("cache.a");
  const first = once(state, "publication");
  const subscribed = once(state, "subscribed");
  state.subscribe();
  assert.deepEqual([(await first).data, (await subscribed).recovered], [3, true]);
});

test("a pattern brings what fits, with its channel", soon, async () => {
  const sub = client("json").newSubscription("wild.*.paid");
  const seen = [];
  const both = new Promise((resolve) => sub.on("publication", ({ data, channel }) => seen.push([data, channel]) === 2 && resolve()));
  sub.subscribe();
  await sub.ready();
  for (const channel of ["wild.1.paid", "wild.2.sent", "wild.3.paid"]) await api("publish", { channel, data: channel });
  await both;
  assert.deepEqual(seen.map(([data]) => data), ["wild.1.paid", "wild.3.paid"]);
});
