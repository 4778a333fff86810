// The `centrifuge` package in Node over its two transports that are no WebSocket, and the requests that they are made of.
import assert from "node:assert/strict";
import { after, test } from "node:test";

import { Centrifuge } from "centrifuge";
import { EventSource } from "eventsource";
import OldEventSource from "eventsource-2";

import { play, scenarios } from "./scenarios.mjs";
import { outside } from "./world.mjs";

const { world, server, close } = await outside();
after(close);
const options = { eventsource: EventSource, fetch, readableStream: ReadableStream };
Object.assign(world, { Centrifuge, options });

for (const transport of ["sse", "http_stream"]) {
  for (const name of Object.keys(scenarios)) {
    test(`${transport}: ${name}`, { timeout: 60_000 }, async () => {
      await play(name, { ...world, transport }).catch((error) => {
        throw new Error(`${error.stack ?? JSON.stringify(error)}\nserver: ${server.log}`);
      });
    });
  }
}

// The version that the client's own tests run with.
for (const name of ["hears what it publishes, and who published it", "gets a thousand publications in order, from two publishers at once", "reads a channel's history, forwards, backwards and page by page"]) {
  test(`sse: ${name}, through eventsource 2`, { timeout: 60_000 }, async () => {
    await play(name, { ...world, options: { ...options, eventsource: OldEventSource }, transport: "sse" });
  });
}

const connect = '{"id":1,"connect":{"name":"script"}}';

// A stream that is read one reply at a time; its end comes as "end".
class Stream {
  static async open(transport, first = connect) {
    const stream = new Stream();
    const url = `${server.http}/connection/${transport}`;
    const answer = await fetch(url, { method: "POST", body: first });
    assert.equal(answer.status, 200);
    stream.headers = answer.headers;
    stream.reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
    stream.text = "";
    stream.mark = transport === "sse" ? /^\n?data: (.*)\n\n/ : /^(.*)\n/;
    return stream;
  }

  async next() {
    for (;;) {
      const found = this.mark.exec(this.text);
      if (found) {
        this.text = this.text.slice(found[0].length);
        return JSON.parse(found[1]);
      }
      const { value, done } = await this.reader.read();
      if (done) return "end";
      this.text += value;
    }
  }

  // As `next`, but pings are passed over.
  async reply() {
    for (;;) {
      const one = await this.next();
      if (one === "end" || Object.keys(one).length > 0) return one;
    }
  }

  async connected() {
    const reply = await this.reply();
    assert.equal(reply.id, 1);
    this.session = reply.connect.session;
    this.node = reply.connect.node;
    assert.ok(this.session && this.node && this.session !== reply.connect.client, JSON.stringify(reply));
    return this;
  }

  async say(commands, { session = this.session, node = this.node } = {}) {
    const body = JSON.stringify({ session, node, data: commands });
    return (await fetch(`${server.http}/emulation`, { method: "POST", body })).status;
  }

  close() {
    return this.reader.cancel();
  }
}

for (const transport of ["sse", "http_stream"]) {
  test(`${transport}: commands are answered on the stream, in order, before their POST is`, async () => {
    const stream = await (await Stream.open(transport)).connected();
    assert.match(stream.headers.get("cache-control"), /no-store/);
    for (let round = 0; round < 20; round++) {
      const commands = [];
      for (let id = 2; id < 12; id++) commands.push(`{"id":${id},"publish":{"channel":"row-${id}-${round}","data":1}}`);
      assert.equal(await stream.say(commands.join("\n")), 204);
      for (let id = 2; id < 12; id++) assert.deepEqual(await stream.reply(), { id, publish: {} });
    }
    await stream.close();
  });

  test(`${transport}: the name of another node is 404, of another session nothing`, async () => {
    const stream = await (await Stream.open(transport)).connected();
    const command = '{"id":2,"subscribe":{"channel":"a"}}';
    assert.equal(await stream.say(command, { node: "elsewhere" }), 404);
    const other = stream.session.slice(1) + stream.session[0];
    for (const session of ["", "x", other]) assert.equal(await stream.say(command, { session }), 204);
    assert.equal(await stream.say('{"id":3,"unsubscribe":{"channel":"a"}}'), 204);
    assert.deepEqual(await stream.reply(), { id: 3, unsubscribe: {} });
    await stream.close();
  });

  test(`${transport}: what ends a session is told, and the stream ends`, async () => {
    for (const [first, commands, code] of [
      ["nonsense", undefined, 3501],
      ['{"id":1,"subscribe":{"channel":"a"}}', undefined, 3501],
      [connect, "{}", 3501],
      [connect, '{"send":{"data":1}}', 3508],
      [connect, '{"id":2,"connect":{}}', 3501],
    ]) {
      const stream = await Stream.open(transport, first);
      if (commands) {
        await stream.connected();
        assert.equal(await stream.say(commands), 204);
      }
      const { push } = await stream.reply();
      assert.equal(push.disconnect.code, code, first);
      assert.ok(push.disconnect.reason.length > 0);
      assert.equal(await stream.next(), "end");
      assert.equal(await stream.say('{"id":9,"rpc":{}}'), commands ? 204 : 404, "its name ends with it");
    }
  });

  test(`${transport}: a body over the limit is 413, another method 405`, async () => {
    for (const path of [`/connection/${transport}`, "/emulation"]) {
      const answer = await fetch(server.http + path, { method: "POST", body: "x".repeat(65_537) });
      assert.equal(answer.status, 413, path);
      assert.equal((await fetch(server.http + path, { method: "PUT", body: "" })).status, 405, path);
    }
  });

  test(`${transport}: no pong, no session`, async () => {
    const stream = await (await Stream.open(transport)).connected();
    assert.deepEqual(await stream.next(), {}, "a ping");
    assert.equal(await stream.say("{}"), 204, "its pong");
    assert.deepEqual(await stream.next(), {}, "the next one");
    assert.deepEqual(await stream.next(), { push: { disconnect: { code: 3012, reason: "no pong" } } });
    assert.equal(await stream.next(), "end");
  });
}
