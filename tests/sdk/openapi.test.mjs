// docs/openapi.yaml against the running server: every route is in it, and what its examples are answered with is what it says.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";

import Ajv2020 from "ajv/dist/2020.js";
import { parse } from "yaml";

import { Server } from "./server.mjs";

const key = "a-key-of-the-backend-0123456789";
const config = `
[api]
keys = ["${key}"]

[[namespace]]
pattern = "kept.>"
presence = true
history.count = 10

[[namespace]]
pattern = ">"
`;

const root = new URL("../../", import.meta.url);
const page = parse(await readFile(new URL("docs/openapi.yaml", root), "utf8"));
const server = await Server.start({ args: [], config });
after(() => server.close());
const soon = { timeout: 30_000 };

const ajv = new Ajv2020({ strict: false, allErrors: true });
ajv.addSchema({ $id: "page", ...page });

// Follows a reference, if it is one.
function meant(part) {
  while (part?.$ref) part = part.$ref.slice(2).split("/").reduce((at, name) => at[name], page);
  return part;
}

// A schema with its references made ones into the page.
function within(schema) {
  return JSON.parse(JSON.stringify(schema).replaceAll('"#/', '"page#/'));
}

function check(schema, value, what) {
  const validate = ajv.compile(within(schema));
  assert.ok(validate(value), `${what}: ${ajv.errorsText(validate.errors)} in ${JSON.stringify(value)}`);
}

async function methods() {
  const table = await readFile(fileURLToPath(new URL("crates/control/src/api/method.rs", root)), "utf8");
  return [...table.matchAll(/^ {4}\w+\(\w+\) "(\w+)";$/gm)].map(([, name]) => name);
}

test("every method is in it, and nothing else", soon, async () => {
  const names = await methods();
  assert.ok(names.length >= 20, String(names));
  const said = Object.keys(page.paths).filter((path) => path.startsWith("/api/"));
  assert.deepEqual(said.sort(), [...names, "batch"].map((name) => `/api/${name}`).sort());
  for (const path of ["/api", "/pub/{subject}", "/sub/{subject}", "/metrics", "/openapi.yaml", "/healthz", "/readyz"]) {
    assert.ok(page.paths[path], path);
  }
});

for (const [path, item] of Object.entries(page.paths)) {
  const post = meant(item).post;
  if (!path.startsWith("/api/") || !post) continue;
  test(`${path} answers its example as it is said`, soon, async () => {
    const { example, schema } = meant(post.requestBody).content["application/json"];
    check(schema, example, "the example");
    const ask = (body, headers) => fetch(server.http + path, { method: "POST", headers, body });
    const answer = await ask(JSON.stringify(example), { "X-API-Key": key });
    assert.equal(answer.status, 200);
    const body = await answer.json();
    const response = meant(post.responses["200"]);
    check(response.content["application/json"].schema, body, "the answer");
    // An example is one that works, where anything does.
    const works = !post.responses["200"].$ref.endsWith("/never");
    assert.equal(body.error === undefined, works, JSON.stringify(body));
    const refused = meant(post.responses.default).content["application/json"].schema;
    for (const [body, headers, status] of [["{}", {}, 401], ["[]", { "X-API-Key": key }, 400]]) {
      const answer = await ask(body, headers);
      assert.equal(answer.status, status);
      check(refused, await answer.json(), "the refusal");
    }
  });
}

test("the other paths answer as it is said", soon, async () => {
  for (const path of ["/metrics", "/healthz", "/readyz"]) {
    assert.equal((await fetch(server.http + path)).status, 200, path);
  }
  const served = await fetch(`${server.http}/openapi.yaml`);
  assert.equal(served.headers.get("content-type"), "application/yaml");
  assert.deepEqual(parse(await served.text()), page);
  const headers = { "X-API-Key": key };
  const published = await fetch(`${server.http}/pub/kept.openapi`, { method: "POST", headers, body: "Hi" });
  check(page.paths["/pub/{subject}"].post.responses["200"].content["application/json"].schema, await published.json(), "pub");
  const lines = await fetch(`${server.http}/api`, { method: "POST", headers, body: '{"id":1,"method":"info"}' });
  assert.equal(JSON.parse(await lines.text()).id, 1);
  const refused = await fetch(`${server.http}/sub/kept.openapi?timeout=0`);
  check(meant(page.paths["/sub/{subject}"].get.responses.default).content["application/json"].schema, await refused.json(), "sub");
});
