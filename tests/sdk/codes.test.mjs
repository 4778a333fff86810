// The dialect's frames one by one: what no SDK would send, and what each frame is answered with.
import assert from "node:assert/strict";
import { after, test } from "node:test";

import WebSocket from "ws";

import { outside } from "./world.mjs";

const { server, close } = await outside();
after(close);

const connect = '{"id":1,"connect":{"name":"script"}}';

// A connection whose frames are taken one at a time; the close comes as [code, reason].
class Script {
  static async open(protocols = []) {
    const script = new Script();
    script.arrived = [];
    script.wake = () => {};
    const add = (one) => {
      script.arrived.push(one);
      script.wake();
    };
    script.socket = new WebSocket(`ws://127.0.0.1:${server.port}/connection/websocket`, protocols);
    script.socket.on("message", (bytes, binary) => {
      assert.equal(binary, false, "JSON leaves in text frames");
      for (const line of bytes.toString().split("\n")) add(JSON.parse(line));
    });
    script.socket.on("close", (code, reason) => add([code, reason.toString()]));
    await new Promise((resolve, refuse) => script.socket.on("open", resolve).on("error", refuse));
    return script;
  }

  send(text) {
    this.socket.send(text);
    return this;
  }

  async next() {
    for (;;) {
      if (this.arrived.length > 0) return this.arrived.shift();
      await new Promise((resolve, refuse) => {
        const late = setTimeout(() => refuse(new Error("nothing comes")), 8_000);
        this.wake = () => resolve(clearTimeout(late));
      });
    }
  }

  // As `next`, but pings are passed over, and answered if wished.
  async reply() {
    for (;;) {
      const one = await this.next();
      if (Array.isArray(one) || Object.keys(one).length > 0) return one;
      this.send("{}");
    }
  }

  async connected() {
    this.send(connect);
    const reply = await this.reply();
    assert.equal(reply.id, 1);
    assert.ok(reply.connect.client);
    return this;
  }

  close() {
    this.socket.close();
  }
}

test("the connect reply names client, version and pings", async () => {
  const script = await Script.open(["centrifuge-json"]);
  assert.equal(script.socket.protocol, "centrifuge-json");
  script.send(connect);
  const { id, connect: result } = await script.reply();
  assert.equal(id, 1);
  assert.equal(typeof result.client, "string");
  assert.equal(typeof result.version, "string");
  assert.ok(result.ping >= 1 && result.pong === true, JSON.stringify(result));
  assert.deepEqual(Object.keys(result).sort(), ["client", "ping", "pong", "version"]);
  script.close();
});

test("commands of one frame are answered in order", async () => {
  const script = await Script.open();
  const lines = [connect];
  for (let id = 2; id < 40; id += 3) {
    lines.push(`{"id":${id},"subscribe":{"channel":"row-${id}"}}`);
    lines.push(`{"id":${id + 1},"publish":{"channel":"elsewhere-${id}","data":{}}}`);
    lines.push(`{"id":${id + 2},"unsubscribe":{"channel":"row-${id}"}}`);
  }
  script.send(`${lines.join("\n")}\n`);
  for (let id = 1; id <= lines.length; id++) {
    const reply = await script.reply();
    assert.equal(reply.id, id, JSON.stringify(reply));
    assert.equal(reply.error, undefined);
    const kind = id === 1 ? "connect" : ["subscribe", "publish", "unsubscribe"][(id - 2) % 3];
    assert.ok(reply[kind], JSON.stringify(reply));
  }
  script.close();
});

test("a publication reaches its own publisher, with who it was", async () => {
  const script = await (await Script.open()).connected();
  script.send('{"id":2,"subscribe":{"channel":"own"}}\n{"id":3,"publish":{"channel":"own","data":{ "a": "\\n" }}}');
  const replies = [await script.reply(), await script.reply(), await script.reply()];
  const push = replies.find((reply) => reply.push).push;
  assert.equal(push.channel, "own");
  assert.deepEqual(push.pub.data, { a: "\n" });
  assert.equal(typeof push.pub.info.client, "string");
  assert.equal(push.pub.info.user, "");
  assert.deepEqual(replies.find((reply) => reply.id === 3).publish, {});
  script.close();
});

const errors = [
  ["the same channel twice", '{"id":2,"subscribe":{"channel":"a"}}\n{"id":3,"subscribe":{"channel":"a"}}', 3, 105],
  ["a channel of 256 bytes", `{"id":2,"subscribe":{"channel":"${"x".repeat(256)}"}}`, 2, 107],
  ["publishing to 256 bytes", `{"id":2,"publish":{"channel":"${"x".repeat(256)}","data":1}}`, 2, 107],
  ["history of another epoch", '{"id":2,"history":{"channel":"a","limit":1,"since":{"offset":1,"epoch":"xx"}}}', 2, 112],
  ["presence", '{"id":2,"presence":{"channel":"a"}}', 2, 108],
  ["presence stats", '{"id":2,"presence_stats":{"channel":"a"}}', 2, 108],
  ["rpc", '{"id":2,"rpc":{"method":"a"}}', 2, 108],
];
for (const [name, commands, id, code] of errors) {
  test(`error ${code}: ${name}`, async () => {
    const script = await (await Script.open()).connected();
    script.send(commands);
    let reply = await script.reply();
    while (reply.id !== id) reply = await script.reply();
    assert.equal(reply.error?.code, code, JSON.stringify(reply));
    assert.ok(reply.error.message.length > 0);
    script.send('{"id":9,"unsubscribe":{"channel":"not subscribed"}}');
    assert.deepEqual(await script.reply(), { id: 9, unsubscribe: {} }, "the connection goes on");
    script.close();
  });
}

test("the 129th subscription is one too many", async () => {
  const script = await (await Script.open()).connected();
  for (let id = 2; id < 131; id++) script.send(`{"id":${id},"subscribe":{"channel":"many-${id}"}}`);
  let reply;
  for (let id = 2; id < 131; id++) reply = await script.reply();
  assert.equal(reply.id, 130);
  assert.equal(reply.error?.code, 106, JSON.stringify(reply));
  script.close();
});

const refusals = [
  ["a command before connect", '{"id":1,"subscribe":{"channel":"a"}}', 3501],
  ["a pong before connect", "{}", 3501],
  ["connecting twice", `${connect}\n{"id":2,"connect":{}}`, 3501],
  ["a pong that nobody asked for", `${connect}\n{}`, 3501],
  ["connect without an id", '{"connect":{}}', 3501],
  ["not JSON", "hello", 3501],
  ["an array", "[]", 3501],
  ["nothing", "", 3501],
  ["a blank line", `${connect}\n\n{"id":2,"unsubscribe":{"channel":"a"}}`, 3501],
  ["a wrong type", `${connect}\n{"id":2,"subscribe":{"channel":1}}`, 3501],
  ["no request", `${connect}\n{"id":2}`, 3501],
  ["an empty channel", `${connect}\n{"id":2,"subscribe":{}}`, 3501],
  ["publishing to nowhere", `${connect}\n{"id":2,"publish":{"data":1}}`, 3501],
  ["an unknown delta", `${connect}\n{"id":2,"subscribe":{"channel":"a","delta":"x"}}`, 3501],
  ["ping as a command", `${connect}\n{"id":2,"ping":{}}`, 3501],
  ["send", `${connect}\n{"send":{"data":1}}`, 3508],
];
for (const [name, frame, code] of refusals) {
  test(`close ${code}: ${name}`, async () => {
    const script = (await Script.open()).send(frame);
    let last = await script.next();
    while (!Array.isArray(last)) last = await script.next();
    assert.equal(last[0], code);
    assert.ok(last[1].length > 0 && last[1].length < 124, "SDKs look at the code only beside a reason");
    assert.throws(() => JSON.parse(last[1]), "and only if the reason is not JSON");
  });
}

test("close 3012: no pong", async () => {
  const script = await (await Script.open()).connected();
  assert.deepEqual(await script.next(), {}, "a ping");
  let last = await script.next();
  while (!Array.isArray(last)) last = await script.next();
  assert.deepEqual(last, [3012, "no pong"]);
});

test("a pong for each ping keeps the connection, a second one ends it", async () => {
  const script = await (await Script.open()).connected();
  for (let ping = 0; ping < 3; ping++) {
    assert.deepEqual(await script.next(), {});
    script.send("{}");
  }
  script.send("{}");
  assert.deepEqual(await script.next(), [3501, "bad request"]);
});

test("close 3506: bytes for a client that takes only JSON, and only for that one", async () => {
  const [one, other] = [await (await Script.open()).connected(), await (await Script.open()).connected()];
  one.send('{"id":2,"subscribe":{"channel":"binary"}}');
  other.send('{"id":2,"subscribe":{"channel":"text"}}');
  await one.reply();
  await other.reply();
  const publish = (subject, body, type) =>
    fetch(`${server.http}/pub/${subject}`, { method: "POST", body, headers: { "Content-Type": type } });
  await publish("binary", new Uint8Array([255, 254]), "application/octet-stream");
  assert.equal((await one.reply())[0], 3506);
  await publish("text", "still there", "text/plain");
  assert.equal((await other.reply()).push.pub.data, "still there");
  other.close();
});

test("a message over the limit is closed with 1009", async () => {
  const script = await (await Script.open()).connected();
  script.send(`{"id":2,"publish":{"channel":"a","data":"${"x".repeat(70_000)}"}}`);
  let last = await script.next();
  while (!Array.isArray(last)) last = await script.next();
  assert.equal(last[0], 1009);
});
