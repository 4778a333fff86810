// Unidirectional transports: EventSource, fetch and bare WebSockets, without an SDK.
import assert from "node:assert/strict";
import { once } from "node:events";
import { after, test } from "node:test";

import { EventSource } from "eventsource";
import WebSocket from "ws";

import { hs256 } from "./jwt.mjs";
import { Server } from "./server.mjs";

const secret = "a-secret-of-the-backend";
const config = `
[client]
ping_interval = "1s"
pong_timeout = "500ms"
[client.token]
hmac_secret_key = "${secret}"
[uni_websocket]
enabled = true
compression = true
[uni_sse]
enabled = true
[uni_http_stream]
enabled = true
[http_api]
insecure = true
[channel.without_namespace]
allow_subscribe_for_client = true
history_size = 10
history_ttl = "60s"
force_recovery = true
[drain]
spread_ms = 100
deadline_ms = 5000
`;
const server = await Server.start({ args: [], config });
after(() => server.close());

const now = () => Math.floor(Date.now() / 1000);
const connect = (claims = {}) => ({ token: hs256({ sub: "ann", exp: now() + 600, ...claims }, secret), name: "test" });
const encoded = (request) => encodeURIComponent(JSON.stringify(request));

// Pushes, one after the other, of whatever transport.
class Pushes {
  waiting = [];
  heard = [];
  push(text) {
    const push = JSON.parse(text);
    const next = this.waiting.shift();
    if (next) next(push);
    else this.heard.push(push);
  }
  async next() {
    if (this.heard.length > 0) return this.heard.shift();
    return await new Promise((resolve, reject) => {
      this.waiting.push(resolve);
      setTimeout(() => reject(new Error("nothing came")), 15_000).unref();
    });
  }
}

const opened = {
  async websocket(request) {
    const socket = new WebSocket(`ws://127.0.0.1:${server.port}/connection/uni_websocket`);
    const pushes = new Pushes();
    socket.on("message", (data) => pushes.push(data.toString()));
    await once(socket, "open");
    assert.match(socket.extensions, /permessage-deflate/);
    socket.send(JSON.stringify(request));
    return { pushes, ended: once(socket, "close"), end: () => socket.terminate() };
  },
  async "websocket with cf_connect"(request) {
    const socket = new WebSocket(`ws://127.0.0.1:${server.port}/connection/uni_websocket?cf_connect=${encoded(request)}`);
    const pushes = new Pushes();
    socket.on("message", (data) => pushes.push(data.toString()));
    return { pushes, ended: once(socket, "close"), end: () => socket.terminate() };
  },
  async sse(request) {
    const source = new EventSource(`${server.http}/connection/uni_sse?cf_connect=${encoded(request)}`);
    const pushes = new Pushes();
    source.onmessage = ({ data }) => pushes.push(data);
    const ended = new Promise((resolve) => (source.onerror = () => (source.close(), resolve())));
    return { pushes, ended, end: () => source.close() };
  },
  async "http_stream"(request) {
    const abort = new AbortController();
    const body = JSON.stringify(request);
    const answer = await fetch(`${server.http}/connection/uni_http_stream`, { method: "POST", body, signal: abort.signal });
    assert.equal(answer.status, 200);
    const pushes = new Pushes();
    const ended = (async () => {
      let rest = "";
      for await (const piece of answer.body.pipeThrough(new TextDecoderStream())) {
        const lines = (rest + piece).split("\n");
        rest = lines.pop();
        for (const line of lines) pushes.push(line);
      }
    })().catch(() => {});
    return { pushes, ended, end: () => abort.abort() };
  },
};

for (const [name, open] of Object.entries(opened)) {
  test(`${name}: who connects is told so, and pinged`, async () => {
    const { pushes, end } = await open(connect());
    const { connect: told } = await pushes.next();
    assert.match(told.client, /^[0-9a-f-]{36}$/);
    assert.match(told.session, /^.{8,}$/);
    assert.equal(told.ping, 1);
    assert.equal(told.pong, undefined);
    assert.equal(told.node, undefined);
    assert.equal(told.expires, true);
    assert.ok(told.ttl > 500);
    for (let n = 0; n < 3; n += 1) assert.deepEqual(await pushes.next(), {});
    end();
  });

  test(`${name}: hears what is published to the channels of its connect, and what it missed`, async () => {
    const channel = `uni-${name.replaceAll(" ", "-")}`;
    const publish = async (data) => {
      const body = JSON.stringify({ channel, data });
      const answer = await fetch(`${server.http}/api/publish`, { method: "POST", body });
      return (await answer.json()).result;
    };
    const first = await publish(1);
    await publish(2);
    const subs = { [channel]: { recover: true, offset: first.offset, epoch: first.epoch } };
    const { pushes, end } = await open({ ...connect(), subs });
    const told = (await pushes.next()).connect.subs[channel];
    assert.deepEqual(told.publications.map(({ data }) => data), [2]);
    await publish(3);
    let push = await pushes.next();
    while (Object.keys(push).length === 0) push = await pushes.next();
    assert.deepEqual([push.channel, push.pub.data, push.pub.offset], [channel, 3, 3]);
    end();
  });

  test(`${name}: who may not is told why`, async () => {
    for (const [request, code] of [
      [{ token: "x" }, 3500],
      [connect({ exp: now() - 5 }), 3005],
      [{}, 3501],
    ]) {
      const { pushes, ended, end } = await open(request);
      const { disconnect } = await pushes.next();
      assert.equal(disconnect.code, code);
      assert.ok(disconnect.reason);
      const close = await ended;
      if (close) assert.equal(close[0], code);
      end();
    }
  });
}

test("the statuses of what is no connect request", async () => {
  for (const path of ["uni_sse", "uni_http_stream"]) {
    const answer = await fetch(`${server.http}/connection/${path}`, { method: "POST", body: "x" });
    assert.equal(answer.status, 400);
    assert.match((await answer.json()).error, /connect request/);
  }
  const socket = new WebSocket(`ws://127.0.0.1:${server.port}/connection/uni_websocket`);
  await once(socket, "open");
  socket.send("x");
  assert.equal((await once(socket, "close"))[0], 3501);
});
