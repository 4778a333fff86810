// What the scenarios need of the outside: a server, and a cable before it.
import { Cable, Server } from "./server.mjs";

// Pings often enough that a few seconds of quiet prove something; leaving takes no time.
const config = `
[heartbeat]
ping_interval_ms = 2000
pong_timeout_ms = 1500

[limits]
message_bytes = 65536

[drain]
spread_ms = 100
deadline_ms = 5000
`;

export async function outside() {
  const server = await Server.start({ args: ["--dev", "--history", "100"], config });
  let cable;
  return {
    server,
    world: {
      port: server.port,
      quietMs: 7_000,
      async cable(verb) {
        if (verb === "lay") {
          cable?.close();
          cable = await Cable.lay(server.port);
        } else {
          cable[verb]();
        }
        return cable.port;
      },
      async api(method, params) {
        const answer = await fetch(`${server.http}/api/${method}`, { method: "POST", body: JSON.stringify(params) });
        return answer.json();
      },
      restart: (verb) => (verb === "stop" ? server.stop() : server.spawn()),
    },
    async close() {
      cable?.close();
      await server.close();
    },
  };
}
