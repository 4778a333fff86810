// Keys that an issuer publishes (JWKS): fetched, rotated, and away for a while.
import assert from "node:assert/strict";
import { generateKeyPairSync, sign } from "node:crypto";
import { once } from "node:events";
import http from "node:http";
import { after, test } from "node:test";

import { Centrifuge } from "centrifuge";
import WebSocket from "ws";

import { part } from "./jwt.mjs";
import { Server } from "./server.mjs";

const soon = { timeout: 30_000 };
const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 });
const ec = generateKeyPairSync("ec", { namedCurve: "P-256" });
const ed = generateKeyPairSync("ed25519");
const published = (pair, kid) => ({ ...pair.publicKey.export({ format: "jwk" }), kid, use: "sig" });

let keys = [];
let isUp = false;
let fetched = 0;
const issuer = http.createServer((_, answer) => {
  fetched += 1;
  answer.statusCode = isUp ? 200 : 503;
  answer.end(JSON.stringify({ keys }));
});
issuer.listen(0, "127.0.0.1");
await once(issuer, "listening");

const server = await Server.start({
  args: ["--shutdown.timeout=5s", "--drain.spread_ms=100"],
  env: {
    CENTRIFUGO_CLIENT_TOKEN_JWKS_PUBLIC_ENDPOINT: `http://127.0.0.1:${issuer.address().port}/keys`,
    CENTRIFUGO_CHANNEL_WITHOUT_NAMESPACE_ALLOW_SUBSCRIBE_FOR_CLIENT: "true",
  },
});
const clients = [];
after(async () => {
  for (const one of clients) one.disconnect();
  issuer.close();
  await server.close();
});

function signed(alg, kid, privateKey) {
  const text = `${part({ alg, kid })}.${part({ sub: "ann" })}`;
  const signature = sign(alg === "EdDSA" ? null : "sha256", Buffer.from(text), { key: privateKey, dsaEncoding: "ieee-p1363" });
  return `${text}.${signature.toString("base64url")}`;
}

function client(token) {
  const url = `ws://127.0.0.1:${server.port}/connection/websocket`;
  const one = new Centrifuge(url, { websocket: WebSocket, token, minReconnectDelay: 100, maxReconnectDelay: 500 });
  one.errors = [];
  one.on("error", ({ error }) => one.errors.push(error.code));
  clients.push(one);
  one.connect();
  return new Promise((resolve) => {
    one.once("connected", () => resolve({ one, code: 0 }));
    one.once("disconnected", ({ code }) => resolve({ one, code }));
  });
}

test("while keys can't be fetched a client tries again, and connects when they are there", soon, async () => {
  keys = [published(rsa, "a")];
  const waits = client(signed("RS256", "a", rsa.privateKey));
  await new Promise((resolve) => setTimeout(resolve, 1_000));
  isUp = true;
  const { one, code } = await waits;
  assert.equal(code, 0);
  assert.ok(one.errors.length > 0 && one.errors.every((error) => error === 100), String(one.errors));
});

test("keys rotate", soon, async () => {
  keys = [published(ec, "b"), published(ed, "c")];
  await new Promise((resolve) => setTimeout(resolve, 2_500));
  const before = fetched;
  const all = [client(signed("ES256", "b", ec.privateKey)), client(signed("EdDSA", "c", ed.privateKey))];
  for (const { code } of await Promise.all(all)) assert.equal(code, 0);
  assert.equal(fetched, before + 1, "one fetch brings both");
  assert.equal((await client(signed("RS256", "a", rsa.privateKey))).code, 3500, "the old key was taken back");
  assert.equal((await client(signed("ES256", "c", ec.privateKey))).code, 3500, "a key is for its own algorithm");
});
