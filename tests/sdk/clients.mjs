// The Centrifugo clients of a part: they leave when it is over, before its server does.
import { after } from "node:test";

import { Centrifuge } from "centrifuge";
import WebSocket from "ws";

const clients = [];
after(() => {
  for (const one of clients) one.disconnect();
});

// One that connects to the server, and comes back soon if it is cut off.
export function begin(server, options = {}) {
  const url = `ws://127.0.0.1:${server.port}/connection/websocket`;
  const one = new Centrifuge(url, { websocket: WebSocket, minReconnectDelay: 50, ...options });
  one.on("error", () => {});
  clients.push(one);
  one.connect();
  return one;
}

export const once = (emitter, event) => new Promise((resolve) => emitter.once(event, resolve));
