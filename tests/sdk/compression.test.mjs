// Compressed messages: the package `ws` and Centrifugo's SDK, with every offer that `ws` can make.
import assert from "node:assert/strict";
import { once } from "node:events";
import { after, test } from "node:test";

import { Centrifuge } from "centrifuge";
import WebSocket from "ws";

import { Server } from "./server.mjs";

const env = { RINGCAST_WEBSOCKET_COMPRESSION: "true" };
const server = await Server.start({ args: ["--dev", "--history", "100"], env });
after(() => server.close());

const offers = {
  default: true,
  "without contexts": { serverNoContextTakeover: true, clientNoContextTakeover: true },
  "small windows": { serverMaxWindowBits: 10, clientMaxWindowBits: 9 },
  "middle windows": { serverMaxWindowBits: 13, clientMaxWindowBits: 15 },
  "all of it": { threshold: 0, serverMaxWindowBits: 15, clientMaxWindowBits: true },
};

async function open(path, perMessageDeflate) {
  const socket = new WebSocket(`ws://127.0.0.1:${server.port}${path}`, { perMessageDeflate, maxPayload: 0 });
  socket.heard = [];
  socket.on("message", (data, isBinary) => {
    socket.heard.push(isBinary ? data : data.toString());
    socket.emit("heard");
  });
  await once(socket, "open");
  return socket;
}

async function heard(socket, count) {
  while (socket.heard.length < count) await once(socket, "heard", { signal: AbortSignal.timeout(15_000) });
  return socket.heard.splice(0, count);
}

async function publish(subject, payload) {
  const type = typeof payload === "string" ? "text/plain" : "application/octet-stream";
  const answer = await fetch(`${server.http}/pub/${subject}`, { method: "POST", body: payload, headers: { "content-type": type } });
  assert.equal(answer.status, 200);
}

// Words that come again, and numbers that don't.
const text = (length) => Array.from({ length: length / 10 + 1 }, (_, n) => `price ${(n * 7919) % 1000} `).join("").slice(0, length);

for (const [name, offer] of Object.entries(offers)) {
  test(`an echo: ${name}`, async () => {
    const socket = await open("/echo", offer);
    assert.match(socket.extensions, /permessage-deflate/);
    const payloads = [0, 1, 100, 1_024, 5_000, 70_000, 1 << 20].flatMap((size) => [text(size), Buffer.from(text(size))]);
    for (const payload of payloads) socket.send(payload);
    assert.deepEqual(await heard(socket, payloads.length), payloads);
    socket.close();
    const [code] = await once(socket, "close");
    assert.equal(code, 1005);
  });

  test(`a subscriber: ${name}`, async () => {
    const [socket, plain] = [await open("/sub/one", offer), await open("/sub/one", false)];
    assert.equal(plain.extensions, "");
    const payloads = [text(50), text(3_000), Buffer.from(text(90_000)), text(3_000)];
    for (const payload of payloads) await publish("one", payload);
    assert.deepEqual(await heard(socket, 4), payloads);
    assert.deepEqual(await heard(plain, 4), payloads);
    const [less, more] = [socket._socket.bytesRead, plain._socket.bytesRead];
    assert.ok(less * 2 < more, `${less} bytes instead of ${more}`);
    for (const one of [socket, plain]) one.terminate();
  });
}

test("messages in pieces, with pings between them", async () => {
  const socket = await open("/echo", { threshold: 0 });
  let pongs = 0;
  socket.on("pong", () => (pongs += 1));
  const pieces = Array.from({ length: 20 }, (_, n) => text(n * 100));
  for (const [n, piece] of pieces.entries()) {
    socket.send(piece, { fin: n === pieces.length - 1, compress: true });
    socket.ping();
  }
  assert.deepEqual(await heard(socket, 1), [pieces.join("")]);
  assert.ok(pongs > 0);
  socket.terminate();
});

test("a message that is small as it comes and too large as it reads", async () => {
  const socket = await open("/sub/one", { threshold: 0 });
  socket.send("a".repeat((1 << 20) + 1));
  const [code] = await once(socket, "close");
  assert.equal(code, 1009);
  const session = await open("/connection/websocket", { threshold: 0 });
  session.send(`{"id":1,"connect":{"name":"${"a".repeat(700_000)}"}}`);
  assert.equal((await once(session, "close"))[0], 1009);
  const large = await open("/connection/websocket", { threshold: 0 });
  large.send(`{"id":1,"connect":{"name":"${"a".repeat(600_000)}"}}`);
  assert.match((await heard(large, 1))[0], /^{"id":1,"connect":/);
  large.terminate();
});

test("Centrifugo's SDK publishes, listens and reads the history", async () => {
  let socket;
  class Compressing extends WebSocket {
    constructor(url, protocols) {
      super(url, protocols, { perMessageDeflate: { threshold: 0 } });
      socket = this;
    }
  }
  const client = new Centrifuge(`ws://127.0.0.1:${server.port}/connection/websocket`, { websocket: Compressing });
  const channel = client.newSubscription("compressed");
  const publications = [];
  channel.on("publication", ({ data }) => publications.push(data));
  channel.subscribe();
  client.connect();
  await channel.ready(15_000);
  assert.match(socket.extensions, /permessage-deflate/);
  const sent = Array.from({ length: 50 }, (_, n) => ({ n, text: text(2_000) }));
  for (const data of sent) await channel.publish(data);
  const history = await channel.history({ limit: 100 });
  assert.deepEqual(history.publications.map(({ data }) => data), sent);
  while (publications.length < sent.length) await new Promise((resolve) => setTimeout(resolve, 20));
  assert.deepEqual(publications, sent);
  client.disconnect();
});
