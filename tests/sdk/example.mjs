// Programs of docs/examples, started by the commands that their README prints.
import { spawn } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";

import { Server, freePort } from "./server.mjs";

const examples = fileURLToPath(new URL("../../docs/examples", import.meta.url));

export const example = (...names) => path.join(examples, ...names);

// Waits for an event that is sure to come; the time is for a test that would else hang.
export async function until(what, told = () => "") {
  const deadline = Date.now() + 60_000;
  for (;;) {
    const result = await what();
    if (result) return result;
    if (Date.now() > deadline) throw new Error(`it does not come: ${what}\n${told()}`);
    await new Promise((resolve) => setTimeout(resolve, 30));
  }
}

// A command in a process group of its own, so that its workers end with it.
export class Program {
  constructor(command, { cwd, env = {} }) {
    this.log = "";
    this.child = spawn("bash", ["-c", `exec env ${command}`], { cwd, env: { ...process.env, ...env }, detached: true, stdio: ["ignore", "pipe", "pipe"] });
    for (const stream of [this.child.stdout, this.child.stderr]) {
      stream.on("data", (bytes) => (this.log = (this.log + bytes).slice(-20_000)));
    }
    this.ended = new Promise((resolve) => this.child.on("close", resolve));
  }

  get running() {
    return this.child.exitCode === null && this.child.signalCode === null;
  }

  async kill(signal = "SIGKILL") {
    try {
      process.kill(-this.child.pid, signal);
    } catch (error) {
      if (error.code !== "ESRCH") throw error;
    }
    await this.ended;
  }
}

// A back end of the chat, and the server before it; the ports outlive both.
export class Chat {
  static async start(kind) {
    const chat = new Chat();
    const readme = await readFile(example("chat/README.md"), "utf8");
    chat.command = readme.split("\n").find((line) => line.includes({ python: "gunicorn --", php: "php -S" }[kind]));
    chat.command = chat.command.replace("venv/bin/", process.env.PYTHON ? `${path.dirname(process.env.PYTHON)}/` : "");
    chat.folder = await mkdtemp(path.join(os.tmpdir(), "ringcast-chat-"));
    chat.port = await freePort();
    const config = await readFile(example("chat/ringcast.toml"), "utf8");
    chat.server = await Server.start({ args: [], config: config.replace(":9000", `:${chat.port}`) + "\n[drain]\nspread_ms = 100\n" });
    await chat.run().catch(async (error) => {
      await chat.close();
      throw error;
    });
    return chat;
  }

  get page() {
    return `http://localhost:${this.port}/`;
  }

  async run() {
    const sockets = `127.0.0.1:${this.server.port}/ws/`;
    // A cookie belongs to a host, whatever its port: the page's.
    const env = { CHAT_SOCKETS: `ws://localhost:${this.server.port}/ws/`, CHAT_PUSHES: `http://${sockets}`, CHAT_DATABASE: path.join(this.folder, "chat.sqlite"), HOME: this.folder };
    this.back_end = new Program(this.command.replace(":9000", `:${this.port}`), { cwd: example("chat"), env });
    await until(async () => {
      if (!this.back_end.running) throw new Error(`it ended at once: ${this.command}\n${this.back_end.log}`);
      return (await fetch(`http://127.0.0.1:${this.port}/`).catch(() => undefined))?.ok;
    }, () => this.back_end.log);
  }

  get log() {
    return `server: ${this.server.log}\nback end: ${this.back_end.log}`;
  }

  async close() {
    await this.server.close();
    await this.back_end.kill();
    await rm(this.folder, { recursive: true });
  }
}
