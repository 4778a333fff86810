// The `centrifuge` package in Node.
import { after, test } from "node:test";

import { Centrifuge } from "centrifuge";
import WebSocket from "ws";

import { plainScenarios, play, scenarios } from "./scenarios.mjs";
import { outside } from "./world.mjs";

const { world, server, close } = await outside();
after(close);
Object.assign(world, { Centrifuge, WebSocket, options: { websocket: WebSocket } });

for (const name of Object.keys({ ...scenarios, ...plainScenarios })) {
  test(name, { timeout: 60_000 }, async () => {
    await play(name, world).catch((error) => {
      throw new Error(`${error.stack ?? JSON.stringify(error)}\nserver: ${server.log}`);
    });
  });
}
