// Back ends at their worst: they close connections that are in use, answer what nobody asked, take their time, and die while a crowd leaves.
import assert from "node:assert/strict";
import { once } from "node:events";
import http from "node:http";
import { after, test } from "node:test";

import WebSocket from "ws";

import { until } from "./example.mjs";
import { Server } from "./server.mjs";

const CROWD = 1_000;

// By ClientID: what was asked and told. What it does is said by the first word of a message or of a ClientID.
class BackEnd {
  calls = new Map();
  held = [];

  async listen() {
    this.server = http.createServer({ keepAliveTimeout: 600_000 }, (request, response) => this.take(request, response));
    this.server.listen(0, "127.0.0.1");
    await once(this.server, "listening");
    this.url = `http://127.0.0.1:${this.server.address().port}/hooks`;
    return this;
  }

  of(id, method) {
    return (this.calls.get(id) ?? []).filter((call) => call.method === method);
  }

  async take(request, response) {
    const { method, socket, headers } = request;
    const id = request.url.split("?")[0].split("/").at(-1);
    const call = { method, id, socket, connection: headers["ringcast-connection"], code: headers["ringcast-close-code"], body: "", answered: false };
    if (!this.calls.has(id)) this.calls.set(id, []);
    this.calls.get(id).push(call);
    // In mid-request: a megabyte does not fit into what lies between.
    if (method === "POST" && Number(headers["content-length"]) > 100_000) return socket.resetAndDestroy();
    request.setEncoding("utf8");
    for await (const piece of request) call.body += piece;
    const answer = (status, body = "") => {
      call.answered = status === 200;
      response.writeHead(status, { "Content-Length": Buffer.byteLength(body) }).end(body);
    };
    if (method === "GET") return id.startsWith("held") ? this.held.push(() => answer(200, "ok")) : answer(200, "ok");
    if (method === "DELETE") return this.end(call, answer);
    const word = call.body.split(" ")[0];
    if (word === "hold") return this.held.push(() => answer(200, call.body));
    if (word === "cut") return socket.destroy();
    if (word === "rude") response.on("finish", () => socket.end()); // closed, and not said before
    if (word === "glue") {
      const more = (text) => `HTTP/1.1 200 OK\r\nContent-Length: ${text.length}\r\n\r\n${text}`;
      return socket.write(more(call.body) + more("of somebody else").repeat(3));
    }
    if (word === "long") return socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${call.body.length}\r\n\r\n${call.body}and more than it said`);
    return answer(200, call.body);
  }

  // A crowd that leaves meets a back end that hears every third end at once.
  end(call, answer) {
    const number = Number(/^crowd-(\d+)$/.exec(call.id)?.[1] ?? 2);
    const first = this.of(call.id, "DELETE").length === 1;
    if (first && number % 3 === 0) return call.socket.destroy();
    if (first && number % 3 === 1) return answer(503);
    return answer(200);
  }

  release() {
    for (const answer of this.held.splice(0)) answer();
  }

  close() {
    this.server.close();
    this.server.closeAllConnections();
  }
}

const back_end = await new BackEnd().listen();
const hook = (prefix, more) => `
[[ws2api]]
prefix = "${prefix}"
backends = ["${back_end.url}"]
insecure = true
connect_timeout = "120s"
message_timeout = "120s"
circuit_failures = 0 # what fails here is to be asked again, and not left alone
${more}
`;
const config = [
  "[drain]\nspread_ms = 100\n",
  hook("/ws/", ""),
  hook("/few/", "backend_connections = 2"),
  hook("/one/", 'backend_connections = 1\nbackend_queue = 0\nbackend_queue_policy = "close"'),
  hook("/wait/", "backend_connections = 1\nbackend_queue = 0"),
  hook("/close/", 'connection_queue = 1\nconnection_queue_policy = "close"'),
  hook("/drop/", 'connection_queue = 1\nconnection_queue_policy = "drop"'),
].join("");
const server = await Server.start({ args: [], config });
after(async () => {
  await server.close();
  back_end.close();
});

async function metric(name) {
  const text = await (await fetch(`${server.http}/metrics`)).text();
  const lines = text.split("\n").filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `));
  return lines.reduce((sum, line) => sum + Number(line.split(" ").at(-1)), 0);
}

class Client {
  static async connect(path) {
    const client = new Client();
    client.path = path;
    client.heard = [];
    client.socket = new WebSocket(`ws://127.0.0.1:${server.port}${path}`, { handshakeTimeout: 60_000 });
    client.socket.on("message", (data) => client.heard.push(data.toString()));
    client.closed = new Promise((resolve) => client.socket.on("close", (code) => resolve((client.code = code))));
    await new Promise((resolve, reject) => {
      client.socket.on("open", resolve);
      client.socket.on("unexpected-response", (request, response) => (request.destroy(), reject(response)));
      client.socket.on("error", reject);
    });
    return client;
  }

  get id() {
    return this.path.split("/").at(-1);
  }

  say(text) {
    this.socket.send(text);
  }

  // What comes next, or the code that it was closed with.
  async next() {
    return until(() => this.heard.shift() ?? this.code, () => `${this.path}; ${server.log}`);
  }

  async leave() {
    this.socket.close();
    await this.closed;
    await until(() => back_end.of(this.id, "DELETE").some(({ answered }) => answered));
  }
}

test("a kept-alive connection that the back end has closed is not used again", async () => {
  const client = await Client.connect("/ws/idle");
  for (let round = 0; round < 20; round += 1) {
    client.say(`rude ${round}`);
    assert.equal(await client.next(), `rude ${round}`);
    const { socket } = back_end.of("idle", "POST").at(-1);
    await until(() => socket.destroyed);
  }
  await client.leave();
});

test("one that it closes just when it is used: a message is taken once or not at all, and then that is said", async () => {
  const clients = await Promise.all(Array.from({ length: 20 }, (_, n) => Client.connect(`/few/race-${n}`)));
  await Promise.all(clients.map(async (client) => {
    for (let round = 0; round < 20; round += 1) {
      const text = `rude ${round} ${client.id}`;
      client.say(text);
      const outcome = await client.next();
      if (outcome === 1011) break;
      assert.equal(outcome, text);
    }
    client.socket.close();
    await client.closed;
    await until(() => back_end.of(client.id, "DELETE").some(({ answered }) => answered));
    const bodies = back_end.of(client.id, "POST").map(({ body }) => body);
    assert.equal(new Set(bodies).size, bodies.length, `no message comes twice: ${bodies}`);
  }));
});

test("one that it closes in mid-request ends its own client and disturbs no other", async () => {
  const bystander = await Client.connect("/few/by-cut");
  for (const text of ["cut", "x".repeat(1_000_000)]) {
    const client = await Client.connect(`/few/cut-${text.length}`);
    client.say(text);
    assert.equal(await client.next(), 1011);
    await until(() => back_end.of(client.id, "DELETE").length > 0);
    assert.deepEqual(back_end.of(client.id, "DELETE").map(({ code }) => code), ["1011"]);
    assert.equal(back_end.of(client.id, "POST").length, 1, "a message is not told again");
    bystander.say("still here");
    assert.equal(await bystander.next(), "still here");
  }
  await bystander.leave();
});

for (const word of ["glue", "long"]) {
  test(`an answer that nobody asked for reaches nobody (${word})`, async () => {
    const bystanders = await Promise.all(Array.from({ length: 10 }, (_, n) => Client.connect(`/few/by-${word}-${n}`)));
    let over = false;
    const talk = bystanders.map(async (client) => {
      for (let round = 0; !over; round += 1) {
        client.say(`${round} ${client.id}`);
        const outcome = await client.next();
        if (outcome === 1011) return;
        assert.equal(outcome, `${round} ${client.id}`);
      }
    });
    for (let round = 0; round < 30; round += 1) {
      const client = await Client.connect(`/few/${word}-${round}`);
      client.say(`${word} ${round}`);
      const outcome = await client.next();
      if (outcome !== 1011) assert.equal(outcome, `${word} ${round}`);
      client.socket.close();
    }
    over = true;
    await Promise.all(talk);
    assert.ok(bystanders.some(({ code }) => code === undefined), "not everybody is disturbed");
    for (const client of bystanders) client.socket.close();
  });
}

test("who waits for a slow answer waits alone, in order", async () => {
  const slow = await Client.connect("/ws/slow");
  for (const text of ["hold 1", "2", "hold 3", "4"]) slow.say(text);
  await until(() => back_end.held.length === 1);
  const others = await Promise.all(Array.from({ length: 20 }, (_, n) => Client.connect(`/ws/quick-${n}`)));
  for (const client of others) client.say("quick");
  for (const client of others) assert.equal(await client.next(), "quick");
  assert.deepEqual(slow.heard, []);
  assert.equal((await fetch(`${server.http}/ws/slow`, { method: "POST", body: "pushed" })).status, 200);
  assert.equal(await slow.next(), "pushed", "a push waits for nobody");
  back_end.release();
  await until(() => back_end.held.length === 1);
  back_end.release();
  for (const text of ["hold 1", "2", "hold 3", "4"]) assert.equal(await slow.next(), text);
  for (const client of [slow, ...others]) await client.leave();
});

test("who leaves while an answer is awaited is told gone after it", async () => {
  const client = await Client.connect("/ws/leaver");
  client.say("hold");
  await until(() => back_end.held.length === 1);
  client.socket.close();
  await client.closed;
  assert.equal(back_end.of("leaver", "DELETE").length, 0);
  back_end.release();
  await until(() => back_end.of("leaver", "DELETE").length > 0);
  assert.deepEqual(back_end.calls.get("leaver").map(({ method }) => method), ["GET", "POST", "DELETE"]);
});

test("more than the back end takes: who comes is told to come later, who speaks is closed with 1013", async () => {
  const [holder, speaker] = [await Client.connect("/one/holder"), await Client.connect("/one/speaker")];
  holder.say("hold");
  await until(() => back_end.held.length === 1);
  const refused = await Client.connect("/one/late").catch((response) => response);
  assert.equal(refused.statusCode, 503);
  assert.ok(Number(refused.headers["retry-after"]) > 0);
  speaker.say("me too");
  assert.equal(await speaker.next(), 1013);
  back_end.release();
  assert.equal(await holder.next(), "hold");
  await until(() => back_end.of("speaker", "DELETE").some(({ answered }) => answered));
  assert.equal(back_end.of("speaker", "POST").length, 0);
  await holder.leave();
});

test("more than the back end takes, by default: who comes is told to come later, who speaks waits for its turn", async () => {
  const clients = [];
  for (const name of ["holder", "second", "third"]) clients.push(await Client.connect(`/wait/${name}`));
  const [holder, ...others] = clients;
  holder.say("hold");
  await until(() => back_end.held.length === 1);
  for (const other of others) for (const text of ["1", "2"]) other.say(text);
  const refused = await Client.connect("/wait/late").catch((response) => response);
  assert.equal(refused.statusCode, 503);
  back_end.release();
  assert.equal(await holder.next(), "hold");
  for (const other of others) for (const text of ["1", "2"]) assert.equal(await other.next(), text);
  for (const client of clients) await client.leave();
});

test("more than a connection may have waiting: closed with 1013, or dropped and counted, as the settings say", async () => {
  const [closed, dropped] = [await Client.connect("/close/closed"), await Client.connect("/drop/dropped")];
  const before = await metric("ringcast_ws2api_dropped_messages_total");
  for (const client of [closed, dropped]) {
    client.say("hold");
    await until(() => back_end.of(client.id, "POST").length === 1);
    for (const text of ["2", "3"]) client.say(text);
  }
  assert.equal(await closed.next(), 1013);
  await until(async () => (await metric("ringcast_ws2api_dropped_messages_total")) === before + 1);
  back_end.release();
  for (const text of ["hold", "2"]) assert.equal(await dropped.next(), text);
  await dropped.leave();
  assert.deepEqual(back_end.of("dropped", "POST").map(({ body }) => body), ["hold", "2"]);
});

test("a thousand leave at once while the back end breaks connections and fails: each end is heard once", async () => {
  const clients = [];
  for (let n = 0; n < CROWD; n += 50) {
    clients.push(...(await Promise.all(Array.from({ length: 50 }, (_, m) => Client.connect(`/ws/crowd-${n + m}`)))));
  }
  for (const { socket, id } of clients) id.endsWith("7") ? socket.terminate() : socket.close(4000);
  const heard = (id) => back_end.of(id, "DELETE").filter(({ answered }) => answered);
  await until(() => clients.every(({ id }) => heard(id).length > 0));
  await until(async () => (await metric("ringcast_ws2api_ends_waiting")) === 0);
  for (const { id } of clients) {
    assert.equal(heard(id).length, 1, id);
    assert.equal(new Set(back_end.of(id, "DELETE").map(({ connection }) => connection)).size, 1, "what comes again has the same name");
    assert.equal(heard(id)[0].code, id.endsWith("7") ? "1006" : "4000");
  }
  assert.equal(await metric("ringcast_ws2api_ends_lost_total"), 0);
});
