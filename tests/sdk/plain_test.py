"""Python's `websockets` against the plain transports: frames, close codes, the publish stream, /echo, compressed or not."""

import os
import signal
import socket
import struct
import subprocess
import time
import unittest
import urllib.request
from pathlib import Path

from websockets.exceptions import ConnectionClosed
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory
from websockets.sync.client import connect

BINARY = os.environ.get("SERVER_UNDER_TEST") or str(Path(__file__).parents[2] / "target/release/ringcast")
PATIENCE_S = 15


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Plain(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.port = free_port()
        arguments = [BINARY, "serve", "--dev", "--port", str(cls.port), "--shards", "2", "--history", "100"]
        environment = os.environ | {"RINGCAST_WEBSOCKET_COMPRESSION": "true"}
        cls.server = subprocess.Popen(arguments, env=environment, stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + PATIENCE_S
        while True:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{cls.port}/readyz", timeout=1) as answer:
                    if answer.status == 200:
                        return
            except OSError:
                if cls.server.poll() is not None or time.monotonic() > deadline:
                    raise
                time.sleep(0.05)

    @classmethod
    def tearDownClass(cls):
        cls.server.send_signal(signal.SIGTERM)
        try:
            cls.server.wait(20)
        except subprocess.TimeoutExpired:
            cls.server.kill()
            raise
        assert cls.server.returncode == 0, f"the server ended with {cls.server.returncode}"

    def socket(self, path, **options):
        options = {"compression": None} | options
        return connect(f"ws://127.0.0.1:{self.port}{path}", **options)

    def publish(self, subject, payload, kind):
        url = f"http://127.0.0.1:{self.port}/pub/{subject}"
        request = urllib.request.Request(url, payload, {"Content-Type": kind}, method="POST")
        with urllib.request.urlopen(request, timeout=PATIENCE_S) as answer:
            self.assertEqual(answer.status, 200)

    def test_a_frame_is_a_payload(self):
        with self.socket("/sub/one,two") as sub:
            self.publish("one", b"text", "text/plain")
            self.assertEqual(sub.recv(PATIENCE_S), "text")
            self.publish("two", b"\xff\x00", "application/octet-stream")
            self.assertEqual(sub.recv(PATIENCE_S), b"\xff\x00")
            self.publish("elsewhere", b"text", "text/plain")
            self.publish("one", b"{}", "application/json")
            self.assertEqual(sub.recv(PATIENCE_S), "{}")

    def test_every_size_of_frame_comes_whole(self):
        sizes = [0, 1, 125, 126, 127, 65_535, 65_536 - 10, 512]
        with self.socket("/sub/sizes", max_size=None) as sub:
            for size in sizes:
                self.publish("sizes", bytes(n % 251 for n in range(size)), "application/octet-stream")
            for size in sizes:
                self.assertEqual(sub.recv(PATIENCE_S), bytes(n % 251 for n in range(size)), size)

    def test_the_publish_stream_counts_what_it_took(self):
        count = 2_000
        with self.socket("/sub/stream") as sub, self.socket("/pub?ack=1") as pub:
            for number in range(count):
                pub.send(b"\x06stream" + str(number).encode())
            for number in range(count):
                self.assertEqual(sub.recv(PATIENCE_S), str(number).encode())
            accepted = 0
            while accepted < count:
                frame = pub.recv(PATIENCE_S)
                (now,) = struct.unpack("<Q", frame)
                self.assertGreater(now, accepted)
                accepted = now
            self.assertEqual(accepted, count)

    def test_a_publish_frame_that_is_none_closes_the_stream(self):
        for frame in [b"", b"\x00x", b"\x05abc", b"\x02\xff\xff"]:
            with self.socket("/pub") as pub, self.assertRaises(ConnectionClosed) as closed:
                pub.send(frame)
                pub.recv(PATIENCE_S)
            code = closed.exception.rcvd.code
            self.assertTrue(code in (1002, 1003, 1007, 1008), f"{frame}: {code} {closed.exception.rcvd.reason}")
            self.assertTrue(closed.exception.rcvd.reason)

    def test_echo_returns_messages_as_they_came(self):
        with self.socket("/echo") as echo:
            for message in ["", "größer", b"", bytes(range(256)), "x" * 60_000]:
                echo.send(message)
                self.assertEqual(echo.recv(PATIENCE_S), message)
            echo.send(["in ", "three ", "fragments"])
            self.assertEqual(echo.recv(PATIENCE_S), "in three fragments")
            self.assertTrue(echo.ping(b"still there?").wait(PATIENCE_S))
            echo.close(1000, "bye")
            self.assertEqual(echo.close_code, 1000)

    def test_messages_are_compressed_as_the_client_offers(self):
        offers = [ClientPerMessageDeflateFactory(**offer) for offer in OFFERS]
        text = "".join(f"price {n * 7919 % 1000} größer " for n in range(20_000))
        for extension in offers:
            options = {"extensions": [extension], "max_size": None}
            with self.socket("/echo", **options) as echo, self.socket("/sub/deflated", **options) as sub:
                self.assertEqual(len(echo.protocol.extensions), 1, extension)
                for size in [0, 1, 60, 400, 5_000, 40_000, len(text)]:
                    for message in [text[:size], text[:size].encode()]:
                        echo.send(message)
                        self.assertEqual(echo.recv(PATIENCE_S), message)
                    self.publish("deflated", text[:size].encode(), "text/plain")
                    self.assertEqual(sub.recv(PATIENCE_S), text[:size])
                echo.send(["in ", "three ", "fragments"])
                self.assertEqual(echo.recv(PATIENCE_S), "in three fragments")
        # What it offers by itself.
        with self.socket("/echo", compression="deflate") as echo:
            self.assertEqual(len(echo.protocol.extensions), 1)
            echo.send(text)
            self.assertEqual(echo.recv(PATIENCE_S), text)


OFFERS = [
    {},
    {"client_max_window_bits": True},
    {"server_no_context_takeover": True, "client_no_context_takeover": True},
    {"server_max_window_bits": 9, "client_max_window_bits": 9},
    {"server_max_window_bits": 12, "client_max_window_bits": 12},
    {"server_max_window_bits": 15, "client_max_window_bits": 15},
]

if __name__ == "__main__":
    unittest.main()
