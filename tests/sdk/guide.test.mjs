// docs/GUIDE.md, run: its settings, its examples, and what they print.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { copyFile, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import path from "node:path";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";

import { Server, binary } from "./server.mjs";

const here = path.dirname(fileURLToPath(import.meta.url));
const guide = await readFile(path.join(here, "../../docs/GUIDE.md"), "utf8");
const blocks = [...guide.matchAll(/^```(\S+)\n([\s\S]*?)^```$/gm)].map(([, kind, text]) => ({ kind, text }));
const [{ text: config }] = blocks.filter(({ kind }) => kind === "toml");

// Modules are looked for from here on upwards.
const folder = await mkdtemp(path.join(here, ".guide-"));
const server = await Server.start({ args: [], config });
after(async () => {
  await server.close();
  await rm(folder, { recursive: true });
});
await writeFile(path.join(folder, "ringcast.toml"), config);
await symlink(binary, path.join(folder, "ringcast"));
// Go programs are of a module, whose dependencies the part `go` has too.
for (const file of ["go.mod", "go.sum"]) await copyFile(path.join(here, "go", file), path.join(folder, file));

const programs = {
  sh: ["bash", "-euo", "pipefail"],
  js: [process.execPath],
  python: [process.env.PYTHON ?? "python3", "-B"],
  go: ["go", "run", "-mod=mod"],
  java: ["java", "-cp", process.env.JAVA_LIBRARIES ?? ""],
};
const endings = { sh: "sh", js: "mjs", python: "py", go: "go", java: "java" };

async function printed(kind, text) {
  const file = path.join(folder, `example.${endings[kind]}`);
  await writeFile(file, text.replaceAll("localhost:8000", `127.0.0.1:${server.port}`));
  const [program, ...args] = programs[kind];
  const env = { ...process.env, PATH: `${folder}:${process.env.PATH}` };
  const child = spawn(program, [...args, file], { cwd: folder, env, stdio: ["ignore", "pipe", "pipe"], timeout: 240_000 });
  let [out, error] = ["", ""];
  child.stdout.on("data", (bytes) => (out += bytes));
  child.stderr.on("data", (bytes) => (error += bytes));
  const code = await new Promise((resolve) => child.on("close", resolve));
  assert.equal(code, 0, `${text}\nended with ${code}:\n${out}${error}`);
  return out.trim();
}

// What is printed, with `…` for anything that has no line feed and no quotation mark.
function pattern(text) {
  const literal = (part) => part.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
  return new RegExp(`^${text.trim().split("…").map(literal).join('[^"\\n]*')}$`);
}

let count = 0;
for (const [at, { kind, text }] of blocks.entries()) {
  if (!(kind in programs)) continue;
  count += 1;
  test(`example ${count}, ${kind}: ${text.trim().split("\n")[0].slice(0, 60)}`, async () => {
    const wanted = blocks[at + 1];
    assert.equal(wanted?.kind, "text", "every example says what it prints");
    assert.match(await printed(kind, text), pattern(wanted.text));
  });
}

test("there are examples of each kind, and the settings are all known", async () => {
  for (const kind of Object.keys(programs)) assert.ok(blocks.some((block) => block.kind === kind), kind);
  await printed("sh", "ringcast config check ringcast.toml");
});
