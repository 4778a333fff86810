"""Clients of great spread that nobody here wrote: Python's requests with sseclient-py, httpx, aiohttp, websocket-client, Centrifugo's cent.

What a client is told has to reach it without anything behind it: no event waits in a client's block for the next one.
"""

import asyncio
import json
import os
import subprocess
import threading
import time
import unittest
import urllib.request
from pathlib import Path

import aiohttp
import cent
import httpx
import requests
import sseclient
import websocket

from plain_test import BINARY, PATIENCE_S, free_port

KEY = "a key for the clients that publish"
CONFIGURATION = f"""
[client]
allow_anonymous_connect_without_token = true
[api]
keys = ["{KEY}"]
[uni_sse]
enabled = true
[uni_http_stream]
enabled = true
[[namespace]]
pattern = ">"
subscribe = true
presence = true
[namespace.history]
count = 10
age_ms = 60000
"""
SIZES = (1, 125, 126, 65535, 65536, 1 << 20)


class Clients(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.port = free_port()
        path = Path(os.environ.get("TMPDIR", "/tmp")) / f"ringcast-clients-{cls.port}.toml"
        path.write_text(CONFIGURATION)
        cls.addClassCleanup(path.unlink)
        # One server with keys, and one with /echo.
        cls.start("--config", str(path), port=cls.port)
        cls.echo = free_port()
        cls.start("--dev", port=cls.echo)
        cls.url = f"http://127.0.0.1:{cls.port}"

    @classmethod
    def start(cls, *arguments, port):
        command = [BINARY, "serve", "--address", "127.0.0.1", "--port", str(port), "--shards", "2", *arguments]
        server = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        cls.addClassCleanup(server.wait, 20)
        cls.addClassCleanup(server.terminate)
        deadline = time.monotonic() + PATIENCE_S
        while True:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=1):
                    return server
            except OSError:
                if server.poll() is not None or time.monotonic() > deadline:
                    raise
                time.sleep(0.05)

    def publish(self, subject, payload):
        answer = requests.post(f"{self.url}/pub/{subject}", data=payload, headers={"X-API-Key": KEY}, timeout=PATIENCE_S)
        self.assertEqual(answer.status_code, 200, answer.text)

    def stream(self, method, path, **options):
        """A response without an end, read in blocks as requests does; a read that waits too long fails."""
        answer = requests.request(method, self.url + path, stream=True, timeout=PATIENCE_S, **options)
        self.addCleanup(answer.close)
        self.assertEqual(answer.status_code, 200)
        return answer

    def test_an_event_does_not_wait_in_requests_for_the_next_one(self):
        answer = self.stream("GET", "/sub/blocks", headers={"Accept": "text/event-stream"})
        events = (event for event in sseclient.SSEClient(answer).events() if event.data)
        for number in range(3):
            self.publish("blocks", f"event {number}")
            self.assertEqual(next(events).data, f"event {number}")

    def test_a_connect_does_not_wait_in_requests_for_the_next_push(self):
        events = sseclient.SSEClient(self.stream("GET", "/connection/uni_sse")).events()
        self.assertIn("connect", json.loads(next(event for event in events if event.data).data))
        lines = self.stream("POST", "/connection/uni_http_stream", json={}).iter_lines(chunk_size=128)
        self.assertIn("connect", json.loads(next(lines)))

    def test_a_server_that_leaves_ends_the_body_and_nothing_is_missing(self):
        port = free_port()
        process = self.start("--dev", port=port)
        server = f"http://127.0.0.1:{port}"
        with httpx.stream("GET", f"{server}/sub/a", headers={"Accept": "text/event-stream"}, timeout=PATIENCE_S) as answer:
            lines = answer.iter_lines()
            self.assertEqual(next(lines), "retry: 1000")
            requests.post(f"{server}/pub/a", data="last", timeout=PATIENCE_S)
            while next(lines) != "data: last":
                pass
            # It reads to the end, and would fail at a body that is cut off.
            rest = []
            reader = threading.Thread(target=lambda: rest.extend(lines))
            reader.start()
            process.terminate()
            reader.join(PATIENCE_S + 20)
            self.assertFalse(reader.is_alive())
        self.assertTrue(any(line.startswith("retry: ") for line in rest), rest)

    def test_aiohttp_echoes_messages_of_all_sizes(self):
        async def run(compress):
            async with aiohttp.ClientSession() as session:
                url = f"http://127.0.0.1:{self.echo}/echo"
                async with session.ws_connect(url, compress=compress, max_msg_size=0, heartbeat=PATIENCE_S) as socket:
                    for size in SIZES:
                        await socket.send_bytes(os.urandom(size))
                        self.assertEqual(len(await socket.receive_bytes()), size)
                        await socket.send_str("é" * size)
                        self.assertEqual(await socket.receive_str(), "é" * size)

        for compress in (0, 15):
            asyncio.run(asyncio.wait_for(run(compress), 60))

    def test_websocket_client_echoes_messages_and_hears_a_pong(self):
        socket = websocket.create_connection(f"ws://127.0.0.1:{self.echo}/echo", timeout=PATIENCE_S)
        for size in SIZES:
            socket.send_binary(b"x" * size)
            self.assertEqual(len(socket.recv()), size)
        socket.ping(b"there?")
        self.assertEqual(socket.recv_data(control_frame=True), (websocket.ABNF.OPCODE_PONG, b"there?"))
        socket.close()

    def test_cent_calls_every_method(self):
        client = cent.Client(f"{self.url}/api", api_key=KEY, timeout=PATIENCE_S)
        channel = "cent"
        first = client.publish(cent.PublishRequest(channel=channel, data={"n": 1}, idempotency_key="once"))
        again = client.publish(cent.PublishRequest(channel=channel, data={"n": 1}, idempotency_key="once"))
        self.assertEqual((first.offset, again.offset), (1, 1))
        answers = client.broadcast(cent.BroadcastRequest(channels=[channel, "other"], data={"n": 2})).responses
        self.assertEqual([answer.result.offset for answer in answers], [2, 1])
        history = client.history(cent.HistoryRequest(channel=channel, limit=10))
        self.assertEqual([publication.data for publication in history.publications], [{"n": 1}, {"n": 2}])
        since = cent.StreamPosition(offset=1, epoch=history.epoch)
        history = client.history(cent.HistoryRequest(channel=channel, limit=10, since=since))
        self.assertEqual([publication.offset for publication in history.publications], [2])
        client.history_remove(cent.HistoryRemoveRequest(channel=channel))
        self.assertEqual(client.presence(cent.PresenceRequest(channel=channel)).presence, {})
        self.assertEqual(client.presence_stats(cent.PresenceStatsRequest(channel=channel)).num_clients, 0)
        client.subscribe(cent.SubscribeRequest(user="ann", channel=channel, presence=True, info={"a": 1}))
        client.unsubscribe(cent.UnsubscribeRequest(user="ann", channel=channel))
        client.refresh(cent.RefreshRequest(user="ann", expire_at=4_000_000_000))
        client.disconnect(cent.DisconnectRequest(user="ann", disconnect=cent.Disconnect(code=4500, reason="enough")))
        self.assertIsInstance(client.channels(cent.ChannelsRequest(pattern="c*")).channels, dict)
        self.assertEqual(len(client.info(cent.InfoRequest()).nodes), 1)
        commands = [cent.PublishRequest(channel=channel, data=3), cent.InfoRequest()]
        published, info = client.batch(cent.BatchRequest(requests=commands)).replies
        self.assertEqual((published.offset, len(info.nodes)), (3, 1))
        with self.assertRaises(cent.CentApiResponseError) as refused:
            client.publish(cent.PublishRequest(channel="", data=1))
        self.assertEqual(refused.exception.code, 107)
        with self.assertRaises(cent.CentUnauthorizedError):
            cent.Client(f"{self.url}/api", api_key="another").info(cent.InfoRequest())


if __name__ == "__main__":
    unittest.main(verbosity=2)
