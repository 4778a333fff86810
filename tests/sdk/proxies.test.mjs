// The event proxy, as the published client sees it: a back end lets clients in, and answers for subscriptions, publications and calls.
import assert from "node:assert/strict";
import { createServer } from "node:http";
import { after, test } from "node:test";

import WebSocket from "ws";

import { begin, once } from "./clients.mjs";
import { Server } from "./server.mjs";

// What was asked, by path; and how a path is answered.
const asked = [];
// A time that is over in a second or two.
const soonS = () => Math.floor(Date.now() / 1000) + 2;
const answers = {
  "/connect": ({ body, headers }) => {
    const user = /session=(\w+)/.exec(headers.cookie ?? "")?.[1];
    switch (body.data?.wish) {
      case "error":
        return { error: { code: 4242, message: "not now", temporary: false } };
      case "disconnect":
        return { disconnect: { code: 4501, reason: "not you" } };
      case "nothing":
        return {};
      case "garbage":
        return undefined;
      case "hang":
        return new Promise(() => {});
      case "brief":
        return { result: { user, expire_at: soonS(), data: { hello: user } } };
      case "over":
        return { result: { user, expire_at: 1 } };
    }
    const meta = body.data?.wish === "meta" ? { meta: { tenant: 7 } } : {};
    return { result: { ...meta, user, info: { name: "Ann" }, data: { hello: user }, channels: ["given"], subs: { told: { data: { a: 1 } } } } };
  },
  "/refresh": ({ body }) => (questions("/refresh", (one) => one.client === body.client).length < 2 ? { result: { expire_at: soonS() } } : { result: { expired: true } }),
  "/sub_refresh": ({ body }) => (questions("/sub_refresh", (one) => one.client === body.client).length < 2 ? { result: { expire_at: soonS() } } : {}),
  "/subscribe": ({ body }) =>
    body.channel.startsWith("brief:") ? { result: { expire_at: soonS() } } : body.channel.endsWith("closed") ? { error: { code: 403, message: "closed" } } : { result: { data: { of: body.user } } },
  "/publish": ({ body }) =>
    body.data.bad ? { error: { code: 100, message: "bad" } } : { result: { data: { ...body.data, seen: true }, tags: { k: "v" } } },
  "/rpc": ({ body }) => {
    if (body.method === "fail") return { error: { code: 1234, message: "it failed" } };
    if (body.method === "leave") return { disconnect: { code: 4502, reason: "go" } };
    return { result: { data: { method: body.method, data: body.data, user: body.user } } };
  },
};
const backEnd = createServer(async (request, response) => {
  let text = "";
  for await (const chunk of request) text += chunk;
  const question = { path: request.url, headers: request.headers, body: JSON.parse(text) };
  asked.push(question);
  const answer = await answers[request.url](question);
  response.end(answer === undefined ? "no JSON" : JSON.stringify(answer));
});
await new Promise((resolve) => backEnd.listen(0, "127.0.0.1", resolve));
const url = `http://127.0.0.1:${backEnd.address().port}`;
const config = `
[client.proxy.connect]
enabled = true
endpoint = "${url}/connect"
timeout = "20s"
http_headers = ["Cookie"]
emulated_headers = ["X-Said", "X-Brief", "Cookie"]

[channel.proxy.subscribe]
endpoint = "${url}/subscribe"
timeout = "20s"

[client.proxy.refresh]
enabled = true
endpoint = "${url}/refresh"
timeout = "20s"

[channel.proxy.sub_refresh]
endpoint = "${url}/sub_refresh"
timeout = "20s"

[channel.proxy.publish]
endpoint = "${url}/publish"
timeout = "20s"

[rpc.without_namespace]
proxy_enabled = true

[rpc.proxy]
endpoint = "${url}/rpc"
timeout = "20s"
emulated_headers = ["X-Said"]
include_connection_meta = true

[channel.without_namespace]

[[channel.namespaces]]
name = "asked"
subscribe_proxy_enabled = true
publish_proxy_enabled = true
presence = true
allow_presence_for_subscriber = true

[[channel.namespaces]]
name = "brief"
subscribe_proxy_enabled = true
sub_refresh_proxy_enabled = true

[drain]
spread_ms = 100
deadline_ms = 5000
`;
const server = await Server.start({ args: [], config });
after(async () => {
  await server.close();
  backEnd.closeAllConnections();
  backEnd.close();
});
const soon = { timeout: 60_000 };

function client(user, options = {}) {
  class Socket extends WebSocket {
    constructor(address, protocols) {
      super(address, protocols, { headers: { Cookie: `session=${user}` } });
    }
  }
  return begin(server, { websocket: Socket, ...options });
}

const questions = (path, of) => asked.filter((one) => one.path === path && of(one.body));

test("a back end says who connects, and subscribes it", soon, async () => {
  const one = client("ann", { data: { wish: "in" }, name: "script", version: "7" });
  const subs = new Map();
  one.on("subscribed", (context) => subs.set(context.channel, context.data));
  const context = await once(one, "connected");
  assert.deepEqual(context.data, { hello: "ann" });
  const [question] = questions("/connect", (body) => body.client === context.client);
  assert.equal(question.headers["content-type"], "application/json");
  assert.deepEqual(question.body, {
    client: context.client,
    transport: "websocket",
    protocol: "json",
    encoding: "json",
    name: "script",
    version: "7",
    data: { wish: "in" },
  });
  assert.deepEqual([...subs.keys()].sort(), ["given", "told"]);
  assert.deepEqual(subs.get("told"), { a: 1 });
});

test("who is not let in is told why", soon, async () => {
  const ended = async (wish) => {
    const one = client("bob", { data: { wish } });
    const context = await once(one, "disconnected");
    return context.code;
  };
  assert.equal(await ended("disconnect"), 4501);
  assert.equal(await ended("nothing"), 3501);
  assert.equal(await ended("over"), 110);
  const error = async (wish) => {
    const one = client("bob", { data: { wish } });
    const code = await new Promise((resolve) => one.on("error", (context) => context.error.code !== 2 && resolve(context.error.code)));
    one.disconnect();
    return code;
  };
  assert.equal(await ended("error"), 4242);
  assert.equal(await error("garbage"), 100);
});

test("a back end answers for subscriptions and publications", soon, async () => {
  const one = client("cat");
  await once(one, "connected");
  const open = one.newSubscription("asked:open");
  const subscribed = once(open, "subscribed");
  open.subscribe();
  assert.deepEqual((await subscribed).data, { of: "cat" });
  const closed = one.newSubscription("asked:closed");
  const refused = once(closed, "unsubscribed");
  closed.subscribe();
  assert.equal((await refused).code, 403);
  const heard = once(open, "publication");
  await open.publish({ text: "hi" });
  const publication = await heard;
  assert.deepEqual([publication.data, publication.tags], [{ text: "hi", seen: true }, { k: "v" }]);
  assert.equal(publication.info.user, "cat");
  assert.deepEqual(publication.info.connInfo, { name: "Ann" });
  await assert.rejects(open.publish({ bad: true }), (error) => error.code === 100);
  const [question] = questions("/publish", (body) => body.data.text === "hi");
  assert.deepEqual([question.body.user, question.body.channel, question.headers.cookie], ["cat", "asked:open", undefined]);
});

test("a back end answers calls, in their order", soon, async () => {
  const one = client("dan");
  await once(one, "connected");
  const all = await Promise.all([1, 2, 3, 4, 5].map((number) => one.rpc("add", { number })));
  assert.deepEqual(
    all.map((answer) => answer.data),
    [1, 2, 3, 4, 5].map((number) => ({ method: "add", data: { number }, user: "dan" })),
  );
  assert.deepEqual(
    questions("/rpc", (body) => body.user === "dan").map((one) => one.body.data.number),
    [1, 2, 3, 4, 5],
  );
  await assert.rejects(one.rpc("fail", {}), (error) => error.code === 1234 && error.message === "it failed");
  await assert.rejects(one.rpc("some:method", {}), (error) => error.code === 104);
  const gone = once(one, "disconnected");
  one.rpc("leave", {}).catch(() => {});
  assert.equal((await gone).code, 4502);
});

test("a client says header fields that its socket can't, and has a meta that it does not know of", soon, async () => {
  const headers = { "X-Said": "so", "X-Brief": "b", Cookie: "session=mallory", "X-Other": "o", Authorization: "a" };
  const one = client("ida", { data: { wish: "meta" }, headers });
  const context = await once(one, "connected");
  assert.ok(!JSON.stringify(context).includes("tenant"), "it is not told");
  const [connect] = questions("/connect", (body) => body.client === context.client);
  const told = ({ headers }) => ["x-said", "x-brief", "cookie", "x-other", "authorization"].map((name) => headers[name]);
  assert.deepEqual(told(connect), ["so", "b", "session=ida", undefined, undefined]);
  assert.equal(connect.body.meta, undefined);
  await one.rpc("add", {});
  const [rpc] = questions("/rpc", (body) => body.client === context.client);
  assert.deepEqual([rpc.body.meta, ...told(rpc)], [{ tenant: 7 }, "so", undefined, undefined, undefined, undefined]);
  const sub = one.newSubscription("asked:open");
  const subscribed = once(sub, "subscribed");
  sub.subscribe();
  await subscribed;
  const [subscribe] = questions("/subscribe", (body) => body.client === context.client);
  assert.deepEqual([subscribe.body.meta, ...told(subscribe)], Array(6).fill(undefined), "it does not want to know");
});

test("a session and a subscription last as long as the back end says", soon, async () => {
  const one = client("gus", { data: { wish: "brief" } });
  const first = await once(one, "connected");
  const sub = one.newSubscription("brief:a");
  const subscribed = once(sub, "subscribed");
  sub.subscribe();
  await subscribed;
  const again = await new Promise((resolve) => one.on("connecting", resolve));
  assert.equal(again.code, 3005);
  const asks = questions("/refresh", (body) => body.client === first.client);
  assert.equal(asks.length, 2);
  assert.deepEqual(asks[0].body, { client: first.client, transport: "websocket", protocol: "json", encoding: "json", user: "gus" });
  one.disconnect();

  const other = client("hal");
  const { client: id } = await once(other, "connected");
  const brief = other.newSubscription("brief:b");
  const begun = once(brief, "subscribed");
  brief.subscribe();
  await begun;
  const ended = await new Promise((resolve) => brief.on("subscribing", resolve));
  assert.equal(ended.code, 2501);
  const subAsks = questions("/sub_refresh", (body) => body.client === id);
  assert.deepEqual([subAsks.length, subAsks[0].body.channel, subAsks[0].body.user], [2, "brief:b", "hal"]);
});

test("who leaves while the back end thinks is forgotten, and others are served", soon, async () => {
  const one = client("eve", { data: { wish: "hang" } });
  for (;;) {
    if (questions("/connect", (body) => body.data?.wish === "hang").length > 0) break;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  one.disconnect();
  await once(client("fay"), "connected");
});
