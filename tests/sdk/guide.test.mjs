// docs/GUIDE.md and docs/FEATURES.md, run: their settings, their examples, and what they print. The commands and settings of docs/PROXIES.md too.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { copyFile, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import path from "node:path";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";

import { Server, binary, freePort } from "./server.mjs";

const here = path.dirname(fileURLToPath(import.meta.url));
const docs = path.join(here, "../../docs");

const programs = {
  sh: ["bash", "-euo", "pipefail"],
  js: [process.execPath],
  python: [process.env.PYTHON ?? "python3", "-B"],
  go: ["go", "run", "-mod=mod"],
  java: ["java", "-cp", process.env.JAVA_LIBRARIES ?? ""],
};
const endings = { sh: "sh", js: "mjs", python: "py", go: "go", java: "java" };

// What is printed, with `…` for anything that has no line feed and no quotation mark.
function pattern(text) {
  const literal = (part) => part.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
  return new RegExp(`^${text.trim().split("…").map(literal).join('[^"\\n]*')}$`);
}

// A page's folder, with what its examples find there, and its server.
class Page {
  static async open(name) {
    const page = new Page();
    const text = await readFile(path.join(docs, name), "utf8");
    page.blocks = [...text.matchAll(/^## (.*)$|^```(\S+)\n([\s\S]*?)^```$/gm)].map(([, heading, kind, text]) => ({ heading, kind, text }));
    // Each block has the heading above it.
    for (const [at, block] of page.blocks.entries()) block.heading ??= page.blocks[at - 1]?.heading;
    page.blocks = page.blocks.filter(({ kind }) => kind);
    // Modules are looked for from here on upwards.
    page.folder = await mkdtemp(path.join(here, ".guide-"));
    page.back_end = await freePort();
    const config = page.blocks.find(({ kind }) => kind === "toml").text.replaceAll("localhost:9000", `127.0.0.1:${page.back_end}`);
    page.server = await Server.start({ args: [], config });
    await writeFile(path.join(page.folder, "ringcast.toml"), config);
    await symlink(binary, path.join(page.folder, "ringcast"));
    // What examples have in common: its name is its first line.
    for (const { kind, text } of page.blocks.filter(({ kind }) => kind === "mjs" || kind === "sh-file")) {
      await writeFile(path.join(page.folder, /\S+$/m.exec(text)[0]), page.moved(text));
    }
    // Go programs are of a module, whose dependencies the part `go` has too.
    for (const file of ["go.mod", "go.sum"]) await copyFile(path.join(here, "go", file), path.join(page.folder, file));
    return page;
  }

  // The ports that the page names are not free everywhere.
  moved(text) {
    return text.replaceAll("localhost:8000", `127.0.0.1:${this.server.port}`).replaceAll('listen(9000, "localhost")', `listen(${this.back_end}, "127.0.0.1")`);
  }

  async printed(kind, text) {
    const file = path.join(this.folder, `example.${endings[kind]}`);
    await writeFile(file, this.moved(text));
    const [program, ...args] = programs[kind];
    const env = { ...process.env, PATH: `${this.folder}:${process.env.PATH}` };
    const child = spawn(program, [...args, file], { cwd: this.folder, env, stdio: ["ignore", "pipe", "pipe"], timeout: 240_000 });
    let [out, error] = ["", ""];
    child.stdout.on("data", (bytes) => (out += bytes));
    child.stderr.on("data", (bytes) => (error += bytes));
    const code = await new Promise((resolve) => child.on("close", resolve));
    assert.equal(code, 0, `${text}\nended with ${code}:\n${out}${error}`);
    return out.trim();
  }

  async close() {
    await this.server.close();
    await rm(this.folder, { recursive: true });
  }
}

for (const name of ["GUIDE.md", "FEATURES.md"]) {
  const page = await Page.open(name);
  after(() => page.close());
  for (const [at, { heading, kind, text }] of page.blocks.entries()) {
    if (!(kind in programs)) continue;
    test(`${name}: ${heading}, ${kind}`, async () => {
      const wanted = page.blocks[at + 1];
      assert.equal(wanted?.kind, "text", "every example says what it prints");
      assert.match(await page.printed(kind, text), pattern(wanted.text));
    });
  }

  test(`${name}: there are examples of each kind, and the settings are all known`, async () => {
    const kinds = name === "GUIDE.md" ? Object.keys(programs) : ["js", "sh"];
    for (const kind of kinds) assert.ok(page.blocks.some((block) => block.kind === kind), kind);
    await page.printed("sh", "ringcast config check ringcast.toml");
  });
}

// Its commands bring a back end and a server of their own.
test("PROXIES.md: what its commands print, and its settings are all known", async () => {
  const folder = await mkdtemp(path.join(here, ".guide-"));
  try {
    await symlink(binary, path.join(folder, "ringcast"));
    const text = await readFile(path.join(docs, "PROXIES.md"), "utf8");
    const blocks = [...text.matchAll(/^```(\S+)\n([\s\S]*?)^```$/gm)].map(([, kind, text]) => ({ kind, text }));
    const env = { ...process.env, PATH: `${folder}:${process.env.PATH}` };
    const run = async (script) => {
      const child = spawn("bash", ["-c", script], { cwd: folder, env, stdio: ["ignore", "pipe", "pipe"], timeout: 120_000 });
      let [out, error] = ["", ""];
      child.stdout.on("data", (bytes) => (out += bytes));
      child.stderr.on("data", (bytes) => (error += bytes));
      const code = await new Promise((resolve) => child.on("close", resolve));
      return { code, out, error };
    };
    await copyFile(path.join(docs, "examples/grpc/proxy.proto"), path.join(folder, "proxy.proto"));
    const commands = blocks.filter(({ kind }) => kind === "sh");
    assert.equal(commands.length, 2);
    for (const { text } of commands) {
      const backEnd = await freePort();
      let port = backEnd;
      while (port === backEnd) port = await freePort();
      // On a slow machine a second is not long.
      const script = text
        .replaceAll(/900[01]/g, backEnd)
        .replaceAll(/812[34]/g, port)
        .replaceAll("python3 ", `${programs.python.join(" ")} `)
        .replaceAll("--max-time 2", "--max-time 6")
        .replaceAll(/^endpoint = .*$/gm, '$&\ntimeout = "30s"');
      const { out, error } = await run(script);
      assert.match(out, /^data: \{"connect":\{.*"data":\{"hello": "ann"\}.*"subs":\{"news":/m, out + error);
      assert.match(out, /^data: \{"disconnect":\{"code":4501,"reason":"log in first"\}\}$/m, out + error);
    }
    for (const [at, { text }] of blocks.filter(({ kind }) => kind === "toml").entries()) {
      await writeFile(path.join(folder, `${at}.toml`), text);
      const { code, out, error } = await run(`ringcast config check ${at}.toml`);
      assert.equal(code, 0, `${text}\n${out}${error}`);
    }
  } finally {
    await rm(folder, { recursive: true });
  }
});
