// The real server, and a proxy before it whose connections can be cut.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import net from "node:net";
import os from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../..", import.meta.url));
export const binary = process.env.SERVER_UNDER_TEST ?? path.join(root, "target/release/ringcast");

export async function freePort() {
  const probe = net.createServer().listen(0, "127.0.0.1");
  await once(probe, "listening");
  const { port } = probe.address();
  probe.close();
  await once(probe, "close");
  return port;
}

// One server process on a port of its own; the port outlives a restart.
export class Server {
  static async start({ config = "", args = ["--dev"], env = {} } = {}) {
    const server = new Server();
    server.env = env;
    server.port = await freePort();
    server.args = ["serve", "--address", "127.0.0.1", "--port", String(server.port), "--shards", "2", ...args];
    if (config) {
      server.folder = await mkdtemp(path.join(os.tmpdir(), "ringcast-sdk-"));
      const file = path.join(server.folder, "ringcast.toml");
      await writeFile(file, config);
      server.args.push("--config", file);
    }
    await server.spawn();
    return server;
  }

  get http() {
    return `http://127.0.0.1:${this.port}`;
  }

  async spawn() {
    this.log = "";
    this.child = spawn(binary, this.args, { env: { ...process.env, ...this.env }, stdio: ["ignore", "pipe", "pipe"] });
    const keep = (bytes) => (this.log = (this.log + bytes).slice(-20_000));
    this.child.stdout.on("data", keep);
    this.child.stderr.on("data", keep);
    this.child.on("error", (error) => keep(String(error)));
    const deadline = Date.now() + 15_000;
    for (;;) {
      if (this.child.exitCode !== null || this.child.signalCode !== null) {
        throw new Error(`${binary} ended at once:\n${this.log}`);
      }
      const ready = await fetch(`${this.http}/readyz`, { signal: AbortSignal.timeout(1_000) }).catch(() => undefined);
      if (ready?.ok) return;
      if (Date.now() > deadline) throw new Error(`${binary} is not ready:\n${this.log}`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  // SIGTERM drains; what has not ended in time is killed, and that is an error.
  async stop() {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    const ended = once(this.child, "exit");
    this.child.kill("SIGTERM");
    const late = setTimeout(() => this.child.kill("SIGKILL"), 20_000);
    const [code, signal] = await ended;
    clearTimeout(late);
    if (code !== 0) throw new Error(`the server ended with ${code ?? signal}:\n${this.log}`);
  }

  async close() {
    try {
      await this.stop();
    } finally {
      if (this.folder) await rm(this.folder, { recursive: true });
    }
  }
}

// Passes bytes on until it is cut: then every connection breaks, and new ones are refused until it is mended.
export class Cable {
  static async lay(port) {
    const cable = new Cable();
    cable.pairs = new Set();
    cable.whole = true;
    cable.listener = net.createServer((near) => {
      if (!cable.whole) return near.destroy();
      const far = net.connect(port, "127.0.0.1");
      const pair = [near, far];
      cable.pairs.add(pair);
      for (const [one, other] of [pair, [far, near]]) {
        one.pipe(other);
        one.on("error", () => {});
        one.on("close", () => {
          other.destroy();
          cable.pairs.delete(pair);
        });
      }
    });
    cable.listener.listen(0, "127.0.0.1");
    await once(cable.listener, "listening");
    cable.port = cable.listener.address().port;
    return cable;
  }

  cut() {
    this.whole = false;
    for (const pair of this.pairs) for (const socket of pair) socket.destroy();
  }

  mend() {
    this.whole = true;
  }

  close() {
    this.cut();
    this.listener.close();
  }
}
