// The chat of docs/examples, with both of its back ends: what it promises, and what becomes of it when one of its parts dies.
import assert from "node:assert/strict";
import { once } from "node:events";
import { after, before, describe, test } from "node:test";

import WebSocket from "ws";

import { Chat, until } from "./example.mjs";

// Somebody in the chat, as the page is: numbers say what is new, and what was said before.
class Person {
  constructor(chat, name) {
    Object.assign(this, { chat, name, heard: [], here: { number: 0, people: [] } });
  }

  static async enter(chat, name) {
    const person = new Person(chat, name);
    const answer = await fetch(`http://127.0.0.1:${chat.port}/enter`, { method: "POST", body: new URLSearchParams({ name }) });
    assert.equal(answer.status, 200, chat.log);
    person.cookie = answer.headers.get("set-cookie");
    assert.match(person.cookie, /HttpOnly/i);
    assert.match(person.cookie, /SameSite=Strict/i);
    person.address = (await answer.json()).socket.replace("localhost", "127.0.0.1");
    return person;
  }

  // True once connected; else the status that it was refused with.
  async connect(cookie = this.cookie.split(";")[0]) {
    this.socket = new WebSocket(this.address, { headers: cookie ? { Cookie: cookie } : {} });
    this.socket.on("message", (data) => this.hear(JSON.parse(data)));
    this.closed = new Promise((resolve) => this.socket.on("close", resolve));
    this.socket.on("error", () => {});
    const outcome = await new Promise((resolve) => {
      this.socket.on("open", () => resolve(true));
      this.socket.on("unexpected-response", (request, response) => (request.destroy(), resolve(response.statusCode)));
      this.socket.on("error", () => resolve(0));
    });
    if (outcome === true) this.socket.send("{}");
    return outcome;
  }

  hear({ said = [], here }) {
    for (const message of said) if (!this.heard.some(({ number }) => number === message.number)) this.heard.push(message);
    if (here && here.number > this.here.number) this.here = here;
  }

  say(text) {
    this.socket.send(JSON.stringify({ say: text }));
  }

  get texts() {
    return this.heard.sort((one, other) => one.number - other.number).map(({ name, text }) => `${name}: ${text}`);
  }

  sees(...names) {
    return until(() => this.here.people.join() === names.sort().join(), () => `${this.name} sees ${this.here.people}, not ${names}; ${this.chat.log}`);
  }

  hears(count) {
    return until(() => this.heard.length >= count, () => `${this.name} heard ${this.texts}; ${this.chat.log}`);
  }

  async leave() {
    this.socket.close();
    await this.closed;
  }
}

for (const kind of ["python", "php"]) describe(kind, () => {
  let chat;
  before(async () => void (chat = await Chat.start(kind)));
  after(() => chat?.close());
  const inside = async (name) => {
    const person = await Person.enter(chat, name);
    assert.equal(await person.connect(), true, chat.log);
    return person;
  };

  test("everybody hears everybody, in order, and newcomers what was before", async () => {
    const people = await Promise.all(["ann", "bob", "cem"].map(inside));
    for (const person of people) await person.sees("ann", "bob", "cem");
    for (let n = 0; n < 10; n += 1) for (const person of people) person.say(`${n} <b>häh</b> & 🎈`);
    for (const person of people) await person.hears(30);
    assert.equal(new Set(people[0].heard.map(({ number }) => number)).size, 30);
    for (const { name } of people) {
      const own = people[0].texts.filter((text) => text.startsWith(name));
      assert.deepEqual(own, Array.from({ length: 10 }, (_, n) => `${name}: ${n} <b>häh</b> & 🎈`));
    }
    const late = await inside("dee");
    await late.hears(30);
    for (const person of people) assert.deepEqual(person.texts, late.texts);
    for (const one of people) await one.leave();
    await late.sees("dee");
    await late.leave();
  });

  test("only who has entered comes in, and only the server is believed", async () => {
    const eve = await Person.enter(chat, "eve");
    const other = await Person.enter(chat, "mal");
    assert.equal(await eve.connect(""), 401);
    assert.equal(await eve.connect(other.cookie.split(";")[0]), 401);
    assert.equal((await fetch(`http://127.0.0.1:${chat.port}/enter`, { method: "POST", body: new URLSearchParams({ name: " " }) })).status, 400);
    const id = eve.address.split("/").at(-1);
    const forged = await fetch(`http://127.0.0.1:${chat.port}/hooks/guess/${id}`, { method: "POST", body: '{"say":"x"}' });
    assert.equal(forged.status, 404);
    assert.equal((await fetch(`${chat.server.http}/ws/${id}`, { method: "POST", body: "x" })).status, 401);
    assert.equal(await eve.connect(), true);
    await eve.sees("eve");
    for (const text of ["no JSON", "[]", "1", "null", '{"say":["x"]}', '{"say":""}', '{"say":" "}']) eve.socket.send(text);
    eve.say("x".repeat(600));
    await until(() => eve.texts.at(-1)?.startsWith("eve: xxx"));
    assert.equal(eve.texts.at(-1), `eve: ${"x".repeat(500)}`);
    await eve.leave();
  });

  test("the newer of two with one ClientID stays, and is seen to", async () => {
    const witness = await inside("wim");
    const older = await inside("two");
    const newer = new Person(chat, "two");
    Object.assign(newer, { cookie: older.cookie, address: older.address });
    await witness.sees("two", "wim");
    assert.equal(await newer.connect(), true);
    assert.equal(await older.closed, 4409);
    await newer.sees("two", "wim");
    witness.say("are you there?");
    await until(() => newer.texts.at(-1) === "wim: are you there?");
    // Whatever the older one's end has done, it is done once this is told.
    await newer.leave();
    await witness.sees("wim");
    await witness.leave();
  });

  test("a back end that is killed is missed while it is away, and by nobody later", async () => {
    const [ann, bob, cem] = await Promise.all(["ann", "bob", "cem"].map(inside));
    await ann.sees("ann", "bob", "cem");
    await chat.back_end.kill();
    const late = new Person(chat, "late");
    Object.assign(late, { cookie: ann.cookie, address: `${ann.address}0` });
    assert.ok([502, 503].includes(await late.connect()));
    ann.say("is anybody there?"); // nobody took it within message_timeout: that is not passed over in silence
    assert.equal(await ann.closed, 1011);
    await bob.leave(); // which nobody can be told yet
    await chat.run();
    await until(async () => (await ann.connect()) === true);
    await ann.sees("ann", "cem"); // now it has been told
    ann.say("again");
    await until(() => cem.texts.at(-1) === "ann: again"); // cem has never been away
    assert.ok(!cem.texts.includes("ann: is anybody there?"));
    await ann.leave();
    await cem.sees("cem");
    await cem.leave();
  });

  test("a server that is killed tells nothing; its clients come back, and who does not is forgotten", async () => {
    const [ann, bob] = await Promise.all(["ann", "bob"].map(inside));
    await ann.sees("ann", "bob");
    const ended = once(chat.server.child, "exit");
    chat.server.child.kill("SIGKILL");
    await ended;
    assert.deepEqual([await ann.closed, await bob.closed], [1006, 1006]);
    await chat.server.spawn();
    assert.equal(await ann.connect(), true);
    ann.say("bob?");
    await ann.sees("ann");
    await until(() => ann.texts.at(-1) === "ann: bob?");
    await ann.leave();
  });
});
