// ringcast.mjs
import { execFileSync } from "node:child_process";

import { Centrifuge } from "centrifuge";
import WebSocket from "ws"; // a browser has its own

export function connect(options) {
  const client = new Centrifuge("ws://127.0.0.1:45881/connection/websocket", { websocket: WebSocket, ...options });
  client.connect();
  return client;
}

export async function subscribe(client, channel, options) {
  const subscription = client.newSubscription(channel, options);
  subscription.subscribe();
  await subscription.ready();
  return subscription;
}

export async function api(method, params) {
  const headers = { "X-API-Key": "a-key-of-the-back-end" };
  const answer = await fetch(`http://127.0.0.1:45881/api/${method}`, { method: "POST", headers, body: JSON.stringify(params) });
  return answer.json();
}

// What comes next of a kind.
export const next = (emitter, event) => new Promise((resolve) => emitter.once(event, resolve));

// A back end has a library for this.
export const token = (...args) => execFileSync("ringcast", ["gentoken", "--config", "ringcast.toml", ...args]).toString().trim();
