// What an application does with a published client. Runs in Node and, unchanged, in a browser: `world` brings the client,
// the port, and hands that publish as a backend does, stop, start and cut.

// A scenario fails, rather than hangs, when something does not happen within this.
const PATIENCE_MS = 15_000;

let names = 0;
const fresh = (name) => `${name}-${Date.now().toString(36)}-${names++}`;

function check(what, holds, seen) {
  if (!holds) throw new Error(`${what}; seen: ${JSON.stringify(seen)}`);
}

function same(what, seen, wanted) {
  check(`${what}: wanted ${JSON.stringify(wanted)}`, JSON.stringify(seen) === JSON.stringify(wanted), seen);
}

function inTime(what, promise) {
  let timer;
  const late = new Promise((_, refuse) => {
    timer = setTimeout(() => refuse(new Error(`not in ${PATIENCE_MS} ms: ${what}`)), PATIENCE_MS);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

const next = (emitter, event) => inTime(event, new Promise((resolve) => emitter.once(event, resolve)));
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

// Collects what arrives, and waits until there is enough of it.
function collector() {
  const seen = [];
  let wake = () => {};
  const add = (one) => {
    seen.push(one);
    wake();
  };
  const until = (count) =>
    inTime(
      `${count} publications`,
      new Promise((resolve) => {
        wake = () => seen.length >= count && resolve(seen);
        wake();
      }),
    ).catch((error) => {
      throw new Error(`${error.message}, but ${seen.length}`);
    });
  return { seen, add, until };
}

// A client that connects over the world's transport: a WebSocket unless it names another.
function centrifuge(world, { port = world.port, ...options } = {}) {
  const delays = { minReconnectDelay: 50, maxReconnectDelay: 200 };
  if (!world.transport) {
    const url = `ws://127.0.0.1:${port}/connection/websocket`;
    return new world.Centrifuge(url, { ...delays, ...world.options, ...options });
  }
  const base = `http://127.0.0.1:${port}`;
  const endpoints = [{ transport: world.transport, endpoint: `${base}/connection/${world.transport}` }];
  const emulationEndpoint = `${base}/emulation`;
  return new world.Centrifuge(endpoints, { ...delays, emulationEndpoint, ...world.options, ...options });
}

async function client(world, options = {}) {
  const one = centrifuge(world, options);
  one.on("error", () => {});
  world.clients.push(one);
  const connected = next(one, "connected");
  one.connect();
  return { one, hello: await connected };
}

async function listener(one, channel, options) {
  const sub = one.newSubscription(channel, options);
  const got = collector();
  sub.on("publication", got.add);
  const subscribed = next(sub, "subscribed");
  sub.subscribe();
  return { sub, got, context: await subscribed };
}

async function post(world, path, body, type) {
  const answer = await fetch(`http://127.0.0.1:${world.port}${path}`, {
    method: "POST",
    body,
    headers: type ? { "Content-Type": type } : {},
  });
  check(`POST ${path}`, answer.ok, answer.status);
  return answer.json();
}

// Runs one and leaves nothing behind, however it ends.
export async function play(name, outside) {
  const world = { ...outside, clients: [] };
  try {
    await { ...scenarios, ...plainScenarios, ...browserScenarios }[name](world);
  } finally {
    for (const one of world.clients) one.disconnect();
  }
}

export const scenarios = {
  async "connects and is told who it is"(world) {
    const { hello } = await client(world);
    check("a client id", typeof hello.client === "string" && hello.client.length >= 16, hello);
    const other = await client(world);
    check("ids differ", other.hello.client !== hello.client, hello.client);
  },

  async "hears what it publishes, and who published it"(world) {
    const { one, hello } = await client(world);
    const { sub, got } = await listener(one, fresh("own"));
    const data = { text: "größer \"und\" 🚀\n", list: [1, 2.5, null, true] };
    await inTime("publish", sub.publish(data));
    const [publication] = await got.until(1);
    same("the data", publication.data, data);
    same("the publisher", publication.info?.client, hello.client);
  },

  async "hears backends: the HTTP API, broadcast, plain text and JSON"(world) {
    const { one } = await client(world);
    const [a, b] = [fresh("a"), fresh("b")];
    const { got } = await listener(one, a);
    const other = await listener(one, b);
    const json = "application/json";
    const result = await world.api("publish", { channel: a, data: { n: 1 } });
    check("a result", result.result && !result.error, result);
    await world.api("broadcast", { channels: [a, b], data: { n: 2 } });
    await post(world, `/pub/${a}`, '{"n":3}', json);
    await post(world, `/pub/${a}`, "not { json", "text/plain");
    const seen = (await got.until(4)).map((publication) => publication.data);
    same("in order", seen, [{ n: 1 }, { n: 2 }, { n: 3 }, "not { json"]);
    same("the broadcast", (await other.got.until(1))[0].data, { n: 2 });
  },

  async "gets a thousand publications in order, from two publishers at once"(world) {
    const subscriber = await client(world);
    const publishers = [await client(world), await client(world)];
    const channel = fresh("many");
    const { got } = await listener(subscriber.one, channel);
    const send = async ({ one }, from) => {
      for (let n = 0; n < 500; n++) await one.publish(channel, { from, n });
    };
    await Promise.all(publishers.map(send));
    const seen = (await got.until(1_000)).map((publication) => publication.data);
    for (const from of [0, 1]) {
      const row = seen.filter((data) => data.from === from).map((data) => data.n);
      same(`publisher ${from}`, row, Array.from({ length: 500 }, (_, n) => n));
    }
  },

  async "subscribes to a hundred channels with one frame"(world) {
    const one = centrifuge(world);
    world.clients.push(one);
    const base = fresh("batch");
    const rows = Array.from({ length: 100 }, (_, n) => {
      const sub = one.newSubscription(`${base}-${n}`);
      const got = collector();
      sub.on("publication", got.add);
      const ready = next(sub, "subscribed");
      sub.subscribe();
      return { got, ready };
    });
    one.connect();
    await Promise.all(rows.map((row) => row.ready));
    await Promise.all(rows.map((_, n) => one.publish(`${base}-${n}`, n)));
    for (const [n, { got }] of rows.entries()) same(`channel ${n}`, (await got.until(1))[0].data, n);
  },

  async "hears nothing more after unsubscribing, and what it missed after subscribing again"(world) {
    const { one } = await client(world);
    const channel = fresh("off");
    const { sub, got } = await listener(one, channel);
    await one.publish(channel, 1);
    await got.until(1);
    const unsubscribed = next(sub, "unsubscribed");
    sub.unsubscribe();
    same("the code", (await unsubscribed).code, 0);
    await one.publish(channel, 2);
    await pause(200);
    same("after unsubscribing", got.seen.length, 1);
    const subscribed = next(sub, "subscribed");
    sub.subscribe();
    await subscribed;
    await one.publish(channel, 3);
    const seen = await got.until(3);
    same("after subscribing again", seen.map((publication) => publication.data), [1, 2, 3]);
  },

  async "is told in codes what it may not do"(world) {
    const { one } = await client(world);
    const code = (promise) => inTime("an error", promise.then(() => 0, (error) => error.code));
    same("a channel of 256 bytes", await code(one.publish("x".repeat(256), 1)), 107);
    same("rpc", await code(one.rpc("method", {})), 108);
    same("presence", await code(one.presence("channel")), 108);
    const sub = one.newSubscription("y".repeat(256));
    const ended = next(sub, "unsubscribed");
    sub.subscribe();
    same("a subscription's end", (await ended).code, 107);
    same("the connection stays", one.state, "connected");
    await one.publish(fresh("still"), 1);
  },

  async "misses nothing when the line is cut, if there is history"(world) {
    const port = await world.cable("lay");
    const { one } = await client(world, { port });
    const channel = fresh("kept");
    const { sub, got, context } = await listener(one, channel, { recoverable: true, positioned: true });
    check("recoverable", context.recoverable && context.positioned && context.streamPosition?.epoch, context);
    const publish = (n) => post(world, `/pub/${channel}`, String(n), "application/json");
    for (let n = 1; n <= 5; n++) await publish(n);
    await got.until(5);
    for (let round = 0; round < 3; round++) {
      const away = next(sub, "subscribing");
      await world.cable("cut");
      await away;
      for (let n = 1; n <= 20; n++) await publish(got.seen.length + n);
      const back = next(sub, "subscribed");
      await world.cable("mend");
      const context = await back;
      check("recovered", context.wasRecovering && context.recovered, context);
      await got.until(25 + 20 * round);
    }
    await publish(66);
    const seen = await got.until(66);
    same("all of it, in order, once", seen.map((one) => one.data), Array.from({ length: 66 }, (_, n) => n + 1));
    same("offsets", seen.map((one) => one.offset), Array.from({ length: 66 }, (_, n) => n + 1));
  },

  async "reads a channel's history, forwards, backwards and page by page"(world) {
    const { one } = await client(world);
    const channel = fresh("history");
    const { sub } = await listener(one, channel);
    for (let n = 1; n <= 5; n++) await one.publish(channel, { n });
    const top = await inTime("the top", one.history(channel));
    same("no publications unless asked", [top.publications, top.offset], [[], 5]);
    const numbers = (page) => page.publications.map((publication) => [publication.data.n, publication.offset]);
    const read = (options) => inTime("a page", sub.history(options));
    same("all", numbers(await read({ limit: -1 })), [[1, 1], [2, 2], [3, 3], [4, 4], [5, 5]]);
    same("the newest", numbers(await read({ limit: 2, reverse: true })), [[5, 5], [4, 4]]);
    const since = (offset) => ({ offset, epoch: top.epoch });
    same("a page", numbers(await read({ limit: 2, since: since(2) })), [[3, 3], [4, 4]]);
    same("backwards", numbers(await read({ limit: 2, since: since(3), reverse: true })), [[2, 2], [1, 1]]);
    const code = (promise) => inTime("an error", promise.then(() => 0, (error) => error.code));
    same("another epoch", await code(one.history(channel, { since: { offset: 1, epoch: "AAAAAB" } })), 112);
    const { result } = await world.api("history", { channel, limit: 1, reverse: true });
    same("by the API", [result.publications[0].data, result.offset, result.epoch], [{ n: 5 }, 5, top.epoch]);
    await world.api("history_remove", { channel });
    const after = await read({ limit: -1 });
    same("forgotten, but the position", [after.publications, after.offset, after.epoch], [[], 5, top.epoch]);
  },

  async "has no hole and nothing twice while it subscribes and unsubscribes under a storm"(world) {
    const [subscriber, publisher] = [await client(world), await client(world)];
    const channel = fresh("storm");
    let storming = true;
    const storm = (async () => {
      for (let n = 1; storming; n++) await publisher.one.publish(channel, n);
    })();
    const sub = subscriber.one.newSubscription(channel, { recoverable: true, positioned: true });
    const wrong = [];
    let [last, holes, heard] = [undefined, 0, 0];
    sub.on("subscribed", (context) => {
      if (context.wasRecovering && context.recovered) return;
      // What is missed then is said to be missed, and the position is where it goes on.
      if (last !== undefined) holes++;
      last = context.streamPosition.offset;
    });
    sub.on("publication", ({ offset, data }) => {
      if (offset !== last + 1 || data !== offset) wrong.push({ last, offset, data });
      last = offset;
      heard++;
    });
    // A slow machine publishes less in a round.
    for (let round = 0; (round < 200 || (heard <= 200 && round < 2_000)) && wrong.length === 0; round++) {
      const subscribed = next(sub, "subscribed");
      sub.subscribe();
      await subscribed;
      if (round % 3 === 0) await pause(round % 10);
      sub.unsubscribe();
      if (round % 4 === 0) await pause(round % 7);
    }
    storming = false;
    await storm;
    same("nothing wrong", wrong, []);
    check("most of it heard", heard > 200 && holes < 100, { heard, holes });
  },

  async "is told when what it missed is gone"(world) {
    const port = await world.cable("lay");
    const { one } = await client(world, { port });
    const channel = fresh("gone");
    const { sub, got } = await listener(one, channel, { recoverable: true });
    const away = next(sub, "subscribing");
    await world.cable("cut");
    await away;
    for (let n = 0; n < 150; n++) await post(world, `/pub/${channel}`, String(n), "application/json");
    const back = next(sub, "subscribed");
    await world.cable("mend");
    const context = await back;
    check("not recovered", context.wasRecovering && !context.recovered, context);
    await post(world, `/pub/${channel}`, '"live"', "application/json");
    same("goes on live", (await got.until(1))[0].data, "live");
  },

  async "comes back by itself after a restart of the server"(world) {
    const { one, hello } = await client(world);
    const channel = fresh("again");
    const { sub, got } = await listener(one, channel);
    const away = next(one, "connecting");
    const stopping = world.restart("stop");
    same("told why", (await away).code, 3001);
    await inTime("the end of the server", stopping);
    const back = [next(one, "connected"), next(sub, "subscribed")];
    await world.restart("start");
    const [again] = await Promise.all(back);
    check("as somebody new", again.client !== hello.client, again);
    await one.publish(channel, "hello again");
    same("and hears", (await got.until(1))[0].data, "hello again");
  },

  async "stays connected over quiet times, because it answers pings"(world) {
    const { one } = await client(world);
    const gone = collector();
    one.on("connecting", gone.add);
    await pause(world.quietMs);
    same("never away", gone.seen, []);
    same("state", one.state, "connected");
    await one.publish(fresh("quiet"), 1);
  },

};

// What needs no published client.
export const plainScenarios = {
  async "listens with a plain WebSocket"(world) {
    const subject = fresh("plain");
    const socket = new world.WebSocket(`ws://127.0.0.1:${world.port}/sub/${subject}`);
    socket.binaryType = "arraybuffer";
    const got = collector();
    socket.onmessage = ({ data }) => got.add(typeof data === "string" ? data : [...new Uint8Array(data)]);
    await inTime("open", new Promise((resolve, refuse) => {
      socket.onopen = resolve;
      socket.onerror = () => refuse(new Error("refused"));
    }));
    await post(world, `/pub/${subject}`, "text", "text/plain");
    await post(world, `/pub/${subject}`, '{"a":1}', "application/json");
    await post(world, `/pub/${subject}`, new Uint8Array([255, 0, 1]), "application/octet-stream");
    same("frames", await got.until(3), ["text", '{"a":1}', [255, 0, 1]]);
    const closed = new Promise((resolve) => (socket.onclose = resolve));
    socket.close(1000);
    same("closed", (await inTime("close", closed)).code, 1000);
  },

  async "polls, and misses nothing between two polls"(world) {
    const subject = fresh("poll");
    const poll = async (since) => {
      const query = since ? `?since=${since}&timeout=5` : "?timeout=5";
      const answer = await fetch(`http://127.0.0.1:${world.port}/sub/${subject}${query}`);
      same("status", answer.status, 200);
      return answer.json();
    };
    const { position } = await post(world, `/pub/${subject}`, "0", "application/json");
    let since = position;
    const seen = [];
    for (let n = 1; n <= 20; n++) {
      const waiting = n % 2 === 0 ? undefined : poll(since);
      if (waiting) await pause(20);
      await post(world, `/pub/${subject}`, String(n), "application/json");
      const body = await inTime("an answer", waiting ?? poll(since));
      seen.push(...body.publications.map((one) => one.data));
      since = body.position;
    }
    same("all", seen, Array.from({ length: 20 }, (_, n) => n + 1));
  },
};

// Only browsers have these.
export const browserScenarios = {
  async "listens with an EventSource, which resumes after a cut"(world) {
    const subject = fresh("events");
    const port = await world.cable("lay");
    const source = new EventSource(`http://127.0.0.1:${port}/sub/${subject}`);
    const got = collector();
    source.onmessage = ({ data }) => got.add(data);
    await inTime("open", new Promise((resolve) => (source.onopen = resolve)));
    const publish = (text) => post(world, `/pub/${subject}`, text, "text/plain");
    await publish("one");
    await publish("two\nlines");
    await got.until(2);
    await world.cable("cut");
    await publish("missed");
    await world.cable("mend");
    await got.until(3);
    await publish("live");
    same("all, once", await got.until(4), ["one", "two\nlines", "missed", "live"]);
    source.close();
  },

  async "listens with an EventSource to a channel of its connect"(world) {
    const channel = fresh("uni");
    const connect = encodeURIComponent(JSON.stringify({ name: "page", subs: { [channel]: {} } }));
    const source = new EventSource(`http://127.0.0.1:${world.port}/connection/uni_sse?cf_connect=${connect}`);
    const got = collector();
    source.onmessage = ({ data }) => got.add(JSON.parse(data));
    const [{ connect: told }] = await got.until(1);
    check("told of the channel", told.subs[channel] && told.client, told);
    await post(world, `/pub/${channel}`, '{"n":1}', "application/json");
    await post(world, `/pub/${channel}`, '{"n":2}', "application/json");
    const pushes = (await got.until(3)).slice(1);
    same("publications", pushes.map((push) => [push.channel, push.pub.data]), [[channel, { n: 1 }], [channel, { n: 2 }]]);
    source.close();
  },
};
