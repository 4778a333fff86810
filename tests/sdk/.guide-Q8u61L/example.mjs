import { once } from "node:events";

import WebSocket from "ws";

import { api } from "./ringcast.mjs";

const socket = new WebSocket("ws://127.0.0.1:45881/sub/room.plain");
await once(socket, "open");
await api("publish", { channel: "room.plain", data: { plain: true } });
const [data] = await once(socket, "message");
console.log(data.toString());
socket.close();
