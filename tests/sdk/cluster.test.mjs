// Two servers behind HAProxy and behind nginx, with the configurations of docs/examples/cluster: a WebSocket and what is pushed to it meet.
import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import http from "node:http";
import os from "node:os";
import path from "node:path";
import { after, before, describe, test } from "node:test";

import WebSocket from "ws";

import { Program, example, until } from "./example.mjs";
import { Server, freePort } from "./server.mjs";

const CROWD = 200;
const read = (name) => readFile(example("cluster", name), "utf8");

// Lets everybody in but "no", whose status says why; remembers who is gone.
const gone = [];
const back_end = http.createServer((request, response) => {
  request.resume();
  const name = request.url.split("?")[0].split("/").at(-1);
  if (request.method === "DELETE") gone.push(name);
  request.on("end", () => (request.method === "GET" ? (response.statusCode = name === "no" ? 404 : 200, response.end("ok")) : response.end()));
});
back_end.listen(0, "127.0.0.1");
await once(back_end, "listening");
after(() => {
  back_end.close();
  back_end.closeAllConnections();
});

// A client, and what it has heard.
class Client {
  constructor(proxy, path) {
    Object.assign(this, { proxy, path, heard: [] });
  }

  get address() {
    return this.path.split("?")[0];
  }

  get id() {
    return this.address.split("/").at(-1);
  }

  async connect() {
    this.socket = new WebSocket(`ws://127.0.0.1:${this.proxy}${this.path}`);
    this.socket.on("message", (data) => this.heard.push(data.toString()));
    this.closed = new Promise((resolve) => this.socket.on("close", resolve)); // with the code
    return await new Promise((resolve) => {
      this.socket.on("open", () => resolve(101));
      this.socket.on("unexpected-response", (request, response) => (request.destroy(), resolve(response.statusCode)));
      this.socket.on("error", () => resolve(0));
    });
  }

  get open() {
    return this.socket.readyState === WebSocket.OPEN;
  }
}

async function push(port, address, body, key = "change-me") {
  const answer = await fetch(`http://127.0.0.1:${port}${address}`, { method: "POST", body, headers: { "X-API-Key": key } });
  await answer.text();
  return answer.status;
}

// Each of them gets its own, once, and it was said so at once: a proxy that is about to find out that a server is gone may say 502, never "nobody".
async function reach(clients, word) {
  for (const client of clients) {
    const text = `${word} ${client.path}`;
    let status;
    await until(async () => {
      status = await push(client.proxy, client.address, text);
      return status < 500;
    }, () => `${text}: ${status}`);
    assert.equal(status, 200, text);
  }
  for (const client of clients) {
    await until(() => client.heard.length > 0, () => client.path);
    assert.deepEqual(client.heard.splice(0), [`${word} ${client.path}`]);
  }
}

const proxies = {
  haproxy: async (folder, ports) => {
    const file = path.join(folder, "haproxy.cfg");
    await writeFile(file, ported(await read("haproxy.cfg"), ports));
    return `haproxy -db -f ${file}`;
  },
  nginx: async (folder, ports) => {
    const file = path.join(folder, "nginx.conf");
    // Whoever runs the test has none of the folders that are nginx's otherwise.
    const folders = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map((name) => `${name}_temp_path ${path.join(folder, name)};`);
    await writeFile(file, ported(await read("nginx.conf"), ports).replace("http {", `http {\n${folders.join("\n")}`));
    return `nginx -p ${folder} -c ${file} -e stderr -g 'daemon off; pid ${folder}/pid;'`;
  },
};

function ported(text, ports) {
  return text.replace(/127\.0\.0\.1:(8001|8002|8080|9000)\b/g, (_, port) => `127.0.0.1:${ports[port]}`);
}

for (const [kind, command] of Object.entries(proxies)) describe(kind, () => {
  let [folder, proxy, port, one, two] = [];
  const crowd = [];

  before(async () => {
    const config = ported(await read("ringcast.toml"), { 9000: back_end.address().port });
    const env = { RINGCAST_DRAIN_SPREAD_MS: "300" };
    one = await Server.start({ args: [], config, env });
    two = await Server.start({ args: [], config, env });
    folder = await mkdtemp(path.join(os.tmpdir(), "ringcast-cluster-"));
    port = await freePort();
    proxy = new Program(await command(folder, { 8001: one.port, 8002: two.port, 8080: port }), { cwd: folder });
    await until(async () => {
      if (!proxy.running) throw new Error(`${kind} ended at once:\n${proxy.log}`);
      return (await push(port, "/ws/nobody", "x").catch(() => 0)) === 404;
    }, () => proxy.log);
  });
  after(async () => {
    for (const { socket } of crowd) socket?.terminate();
    await proxy?.kill();
    for (const server of [one, two]) await server?.close();
    if (folder) await rm(folder, { recursive: true });
  });

  // Whom this server has; asked without the proxy.
  const holds = async (server, client) => (await push(server.port, client.address, "") !== 404);
  const share = async (server) => {
    const here = [];
    for (const client of crowd) if (await holds(server, client)) here.push(client);
    await until(() => here.every(({ heard }) => heard.length === 1));
    for (const { heard } of here) heard.splice(0);
    return here;
  };

  test("WebSockets and pushes meet, whatever the ClientID and the query", async () => {
    for (let n = 0; n < CROWD; n += 1) {
      const id = [`user${n}`, `a%2Fb${n}`, `%c3%a4-${n}`, `~${n}`, `${n}`][n % 5];
      crowd.push(new Client(port, `/ws/${id}${n % 3 === 0 ? `?room=${n}&x=/ws/y` : ""}`));
    }
    const statuses = await Promise.all(crowd.map((client) => client.connect()));
    assert.deepEqual(statuses, crowd.map(() => 101), proxy.log);
    await reach(crowd, "first");
    const shares = [await share(one), await share(two)];
    assert.equal(shares[0].length + shares[1].length, CROWD, "each is at one server");
    for (const { length } of shares) assert.ok(length > CROWD / 10, `of ${CROWD} one has ${length}`);
  });

  test("what is refused is refused, and other paths are not there", async () => {
    assert.equal(await push(port, "/ws/nobody", "x"), 404);
    assert.equal(await push(port, crowd[0].address, "x", "guessed"), 401);
    assert.equal(await new Client(port, "/ws/no").connect(), 404);
    for (const path of ["/metrics", "/api/info", "/"]) assert.equal((await fetch(`http://127.0.0.1:${port}${path}`)).status, 404);
  });

  test("a server dies: its clients come back to the other one and are reached, the others have noticed nothing", async () => {
    const theirs = await share(one);
    const others = crowd.filter((client) => !theirs.includes(client));
    const ended = once(one.child, "exit");
    one.child.kill("SIGKILL");
    await ended;
    await Promise.all(theirs.map(({ closed }) => closed));
    await Promise.all(theirs.map((client) => until(async () => (await client.connect()) === 101, () => proxy.log)));
    await reach(crowd, "second");
    assert.ok(others.every(({ open }) => open));
    assert.equal((await share(two)).length, CROWD);
  });

  test("it comes back: who stayed at the other one is reached, and so is who comes anew, to where he was before", async () => {
    await one.spawn();
    gone.splice(0);
    const probes = [];
    await until(async () => {
      const probe = new Client(port, `/ws/probe${probes.length}`);
      probes.push(probe);
      return (await probe.connect()) === 101 && (await holds(one, probe));
    }, () => proxy.log);
    for (const { socket } of probes) socket.terminate();
    await reach(crowd, "third");
    for (const client of crowd) client.socket.close();
    await Promise.all(crowd.map(({ closed }) => closed));
    await until(() => crowd.every(({ id }) => gone.includes(id)));
    await Promise.all(crowd.map((client) => until(async () => (await client.connect()) === 101)));
    await reach(crowd, "fourth");
    assert.ok((await share(one)).length > CROWD / 10);
  });

  test("it is told to leave: its clients are told to come back and are reached, and the back end is told of each of them", async () => {
    const theirs = await share(one);
    gone.splice(0);
    const ended = once(one.child, "exit");
    one.child.kill("SIGTERM");
    const codes = await Promise.all(theirs.map(({ closed }) => closed));
    assert.deepEqual(new Set(codes), new Set([1012]));
    await Promise.all(theirs.map((client) => until(async () => (await client.connect()) === 101, () => proxy.log)));
    assert.deepEqual(await ended, [0, null]);
    await reach(crowd, "fifth");
    assert.deepEqual(gone.filter((id) => !id.startsWith("probe")).sort(), theirs.map(({ id }) => id).sort());
  });
});
