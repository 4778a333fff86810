// The same in a browser: headless Chromium with its own WebSocket, fetch and EventSource.
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import http from "node:http";
import { after, test } from "node:test";

import { chromium } from "playwright-core";

import { browserScenarios, plainScenarios, scenarios } from "./scenarios.mjs";
import { outside } from "./world.mjs";

const { world, server, close } = await outside();
const files = {
  "/": ["text/html", "<!doctype html><title>Ringcast</title><script src=centrifuge.js></script>"],
  "/centrifuge.js": ["text/javascript", await readFile("node_modules/centrifuge/dist/centrifuge.js")],
  "/scenarios.mjs": ["text/javascript", await readFile("scenarios.mjs")],
};
const pages = http.createServer((request, response) => {
  const [type, body] = files[request.url] ?? ["text/plain", ""];
  response.writeHead(200, { "Content-Type": `${type}; charset=utf-8` }).end(body);
});
pages.listen(0, "127.0.0.1");
await once(pages, "listening");

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"],
});
const page = await browser.newPage();
await page.exposeFunction("cable", world.cable);
await page.exposeFunction("api", world.api);
await page.exposeFunction("restart", async (verb) => void (await world.restart(verb)));
await page.goto(`http://127.0.0.1:${pages.address().port}/`);

after(async () => {
  await browser.close();
  pages.close();
  await close();
});

const plays = Object.keys({ ...scenarios, ...plainScenarios, ...browserScenarios }).map((name) => ({ name }));
for (const transport of ["sse", "http_stream"]) {
  plays.push(...Object.keys(scenarios).map((name) => ({ name, transport })));
}

for (const { name, transport } of plays) {
  test(transport ? `${transport}: ${name}` : name, { timeout: 60_000 }, async () => {
    const outcome = await page.evaluate(
      async ({ name, transport, port, quietMs }) => {
        const { play } = await import("/scenarios.mjs");
        const { api, cable, restart, Centrifuge, WebSocket } = window;
        try {
          await play(name, { transport, port, quietMs, api, cable, restart, Centrifuge, WebSocket, options: {} });
          return "";
        } catch (error) {
          return String(error.stack ?? error);
        }
      },
      { name, transport, port: world.port, quietMs: world.quietMs },
    );
    if (outcome) throw new Error(`${outcome}\nserver: ${server.log}`);
  });
}
