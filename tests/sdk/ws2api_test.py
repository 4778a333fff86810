"""WebSockets whose life is a back end's: a back end of the standard library that behaves and misbehaves by ClientID, and Python's `websockets`."""

import asyncio
import base64
import os
import signal
import socket
import struct
import subprocess
import tempfile
import threading
import time
import unittest
import urllib.error
import urllib.request
from collections import defaultdict
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from websockets.asyncio.client import connect as connect_async
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

BINARY = os.environ.get("SERVER_UNDER_TEST") or str(Path(__file__).parents[2] / "target/release/ringcast")
PATIENCE_S = 60
KEY = "a-key-of-the-back-end"
CROWD = 1_000
CONFIG = """
[drain]
spread_ms = 100

[[ws2api]]
prefix = "/ws/"
backends = ["{url}/hooks"]
api_key = "{key}"
forward_headers = ["cookie", "authorization", "x-forwarded-for", "sec-websocket-protocol"]
connect_timeout = "60s"
message_timeout = "60s"
close_timeout = "60s"
backend_connections = 64
message_size_limit = 70000
response_size_limit = 100000
push_size_limit = 1000

[[ws2api]]
prefix = "/short"
backends = ["{url}/hooks/"]
insecure = true
connect_timeout = "1s"
message_timeout = "1s"
close_timeout = "60s"
on_failure = "ignore"
circuit_message = "drop"
duplicate_id = "both"

[[ws2api]]
prefix = "/one/"
backends = ["http://127.0.0.1:{nobody}/", "{url}/hooks"]
api_keys = ["{key}", "another-key-of-the-back-end"]
duplicate_id = "refuse"
max_in_flight = 4
"""


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def until(what, of=None):
    """Waits until it is so."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        result = what()
        if result:
            return result
        if time.monotonic() > deadline:
            raise AssertionError(f"it does not come: {of() if of else what}")
        time.sleep(0.02)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def setup(self):
        super().setup()
        self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.server.sockets.add(self.connection)

    def finish(self):
        self.server.sockets.discard(self.connection)
        try:
            super().finish()
        except OSError:
            pass

    def take(self, method):
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        path = self.path.split("?")[0]
        with self.server.lock:
            self.server.calls[path.rsplit("/", 1)[-1]].append((method, self.path, dict(self.headers), body))
        return path.rsplit("/", 1)[-1], body

    def give(self, status, body=b"", fields=()):
        self.send_response(status)
        for name, value in fields:
            self.send_header(name, value)
        if status != 204:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def cut(self):
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)

    def misbehave(self, how):
        """True if it did."""
        self.close_connection = True
        if how == "cut":
            self.cut()
        elif how == "hang":
            self.server.woken.wait(PATIENCE_S)
        elif how == "garbage":
            self.wfile.write(b"\x00\xff not HTTP at all\r\n\r\n" * 100)
        elif how == "half":
            self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nok")
        elif how == "endless":
            self.wfile.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            try:
                while True:
                    self.wfile.write(b"4000\r\n" + b"x" * 0x4000 + b"\r\n")
            except OSError:
                pass
        elif how == "drip":
            self.wfile.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            try:
                while not self.server.woken.wait(0.1):
                    self.wfile.write(b"1\r\nx\r\n")
            except OSError:
                pass
        elif how == "large":
            self.give(200, b"x" * 100_001)
        else:
            self.close_connection = False
            return False
        return True

    def do_GET(self):
        name, _ = self.take("GET")
        word = name.split("-")[0]
        if self.misbehave(word):
            return
        if word == "no":
            self.give(200, b"no")
        elif word == "status":
            self.give(int(name.split("-")[1]), b"ok", [("X-Secret", "of the back end")])
        elif word == "circle":
            self.give(302, fields=[("Location", self.path)])
        elif word == "moved":
            self.give(307, fields=[("Location", "/hooks/ok-moved")])
        elif word == "elsewhere":
            self.give(302, fields=[("Location", f"http://localhost:{self.server.server_port}/hooks/ok-elsewhere")])
        elif word == "proto":
            self.give(200, b"ok", [("Sec-WebSocket-Protocol", name.split("-")[1])])
        else:
            self.give(200, b"ok")

    def do_POST(self):
        name, body = self.take("POST")
        word = body.decode("latin-1").split("-")[0]
        if self.misbehave(word):
            return
        if word == "nothing":
            self.give(200)
        elif word == "204":
            self.give(204)
        elif word == "500":
            self.give(500, b"a stack trace")
        elif word == "302":
            self.give(302, b"moved", [("Location", "/hooks/ok-moved")])
        elif word == "bytes":
            self.give(200, b"\xff\x00", [("Content-Type", "application/octet-stream")])
        elif word == "badtext":
            self.give(200, b"\xff\x00", [("Content-Type", "text/plain")])
        elif word == "wait":
            with self.server.lock:
                self.server.now[name] += 1
                self.server.most[name] = max(self.server.most[name], self.server.now[name])
            time.sleep(0.05)
            with self.server.lock:
                self.server.now[name] -= 1
            self.give(200, body)
        else:
            self.give(200, b"echo:" + body, [("Content-Type", self.headers["content-type"])])

    def do_DELETE(self):
        name, _ = self.take("DELETE")
        if name.startswith("stubborn") and sum(call[0] == "DELETE" for call in self.server.calls[name]) < 3:
            self.give(503)
        else:
            self.give(200, b"ok")


class BackEnd(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 1_024
    allow_reuse_address = True

    def __init__(self, port):
        self.calls = defaultdict(list)
        self.lock = threading.Lock()
        self.sockets = set()
        self.woken = threading.Event()
        self.now = defaultdict(int)
        self.most = defaultdict(int)
        super().__init__(("127.0.0.1", port), Handler)
        self.thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self.thread.start()

    def handle_error(self, *_):
        pass

    def stop(self):
        self.shutdown()
        self.server_close()
        self.woken.set()
        for connection in list(self.sockets):
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def said(self, name, method):
        with self.lock:
            return [call for call in self.calls[name] if call[0] == method]

    def fields(self, call):
        return {name.lower(): value for name, value in call[2].items()}


class Server:
    def __init__(self, back_end_port, shards=2):
        self.port = free_port()
        self.file = tempfile.NamedTemporaryFile("w", suffix=".toml", delete=False)
        url = f"http://127.0.0.1:{back_end_port}"
        self.file.write(CONFIG.format(url=url, key=KEY, nobody=free_port()))
        self.file.close()
        command = [BINARY, "serve", "--address", "127.0.0.1", "--port", str(self.port), "--shards", str(shards)]
        self.process = subprocess.Popen(command + ["--config", self.file.name], stdout=subprocess.DEVNULL)
        until(self.ready)

    def ready(self):
        assert self.process.poll() is None, "the server ended"
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/readyz", timeout=5) as answer:
                return answer.status == 200
        except OSError:
            return False

    def leave(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            code = self.process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise
        os.unlink(self.file.name)
        assert code == 0, f"the server ended with {code}"

    def metrics(self):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/metrics", timeout=PATIENCE_S) as answer:
            return answer.read().decode()

    def metric(self, name, **labels):
        """The sum of the samples that have these labels."""
        total = 0
        for line in self.metrics().splitlines():
            if line.startswith(name + "{") and all(f'{key}="{value}"' in line for key, value in labels.items()):
                total += float(line.rsplit(" ", 1)[1])
        return total


def push(port, path, body, fields=None, key=KEY):
    """The status and the body of the answer."""
    fields = dict(fields or {}) | ({"X-API-Key": key} if key else {})
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", body, fields, method="POST")
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE_S) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


def upgrade(target, more=""):
    key = base64.b64encode(os.urandom(16)).decode()
    return (
        f"GET {target} HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n{more}\r\n"
    ).encode("latin-1")


def masked(opcode, payload):
    assert len(payload) < 126
    return bytes([0x80 | opcode, 0x80 | len(payload), 0, 0, 0, 0]) + payload


class Ws2Api(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.back_end = BackEnd(0)
        cls.server = Server(cls.back_end.server_port)

    @classmethod
    def tearDownClass(cls):
        cls.server.leave()
        cls.back_end.stop()

    def socket(self, path, **options):
        options = {"compression": None, "open_timeout": PATIENCE_S, "close_timeout": PATIENCE_S} | options
        return connect(f"ws://127.0.0.1:{self.server.port}{path}", **options)

    def refused(self, path, **options):
        with self.assertRaises(InvalidStatus) as refused:
            self.socket(path, **options)
        return refused.exception.response.status_code

    def ended(self, name, count=1):
        """The DELETEs of a ClientID, once there are so many."""
        until(lambda: len(self.back_end.said(name, "DELETE")) >= count, lambda: self.back_end.calls[name])
        ends = self.back_end.said(name, "DELETE")
        self.assertEqual(len(ends), count)
        return ends

    def raw(self, request):
        """A connection that has sent this, and the head of the answer."""
        raw = socket.create_connection(("127.0.0.1", self.server.port), PATIENCE_S)
        raw.sendall(request)
        head = b""
        while b"\r\n\r\n" not in head:
            more = raw.recv(4_096)
            if not more:
                break
            head += more
        head, _, rest = head.partition(b"\r\n\r\n")
        return raw, head.decode("latin-1"), rest

    # ---- the life of a connection ----

    def test_a_life(self):
        fields = {"Cookie": "session=1", "Authorization": "Bearer x", "X-Not-Asked": "1", "X-Forwarded-For": "10.1.1.1"}
        with self.socket("/ws/ok-life?room=a%20b", additional_headers=fields) as client:
            client.send("hello")
            self.assertEqual(client.recv(PATIENCE_S), "echo:hello")
            client.send(b"\x00\xff")
            self.assertEqual(client.recv(PATIENCE_S, decode=False), b"echo:\x00\xff")
            client.ping("bytes").wait(PATIENCE_S)
            status, body = push(self.server.port, "/ws/ok-life", "häh".encode())
            self.assertEqual((status, body), (200, b"ok"))
            self.assertEqual(client.recv(PATIENCE_S), "häh")
            client.close(4001, "enough")
        (asked,) = self.back_end.said("ok-life", "GET")
        self.assertEqual(asked[1], "/hooks/ok-life?room=a%20b")
        told = self.back_end.fields(asked)
        self.assertEqual(told["cookie"], "session=1")
        self.assertEqual(told["authorization"], "Bearer x")
        self.assertEqual(told["x-forwarded-for"], "10.1.1.1, 127.0.0.1")
        self.assertNotIn("x-not-asked", told)
        text, binary = self.back_end.said("ok-life", "POST")
        self.assertEqual(self.back_end.fields(text)["content-type"], "text/plain; charset=utf-8")
        self.assertEqual(self.back_end.fields(binary)["content-type"], "application/octet-stream")
        self.assertEqual((text[1], text[3]), ("/hooks/ok-life", b"hello"))
        (end,) = self.ended("ok-life")
        told = self.back_end.fields(end)
        self.assertEqual((end[1], end[3]), ("/hooks/ok-life", b"enough"))
        self.assertEqual((told["ringcast-close-code"], told["ringcast-close-by"]), ("4001", "client"))
        names = {self.back_end.fields(call)["ringcast-connection"] for call in self.back_end.calls["ok-life"]}
        self.assertEqual(len(names), 1, "one connection")

    def test_who_is_let_in(self):
        for path, status in [
            ("/ws/no-1", 403),
            ("/ws/status-401", 401),
            ("/ws/status-403", 403),
            ("/ws/status-404", 404),
            ("/ws/status-429", 429),
            ("/ws/status-201", 502),
            ("/ws/status-500", 502),
            ("/ws/cut-1", 502),
            ("/ws/garbage-1", 502),
            ("/ws/half-1", 502),
            ("/ws/endless-1", 502),
            ("/ws/large-1", 502),
            ("/ws/circle-1", 502),
            ("/ws/elsewhere-1", 502),
            ("/short/hang-1", 502),
            ("/short/drip-1", 502),
        ]:
            self.assertEqual(self.refused(path), status, path)
            self.assertEqual(self.back_end.said(path.split("/")[-1], "DELETE"), [])
        self.assertEqual(self.back_end.said("ok-elsewhere", "GET"), [])
        self.assertEqual(len(self.back_end.said("circle-1", "GET")), 4, "the redirects are bounded")
        with self.socket("/ws/moved-1"):
            self.assertEqual(len(self.back_end.said("ok-moved", "GET")), 1)
        self.ended("moved-1")

    def test_a_subprotocol_is_the_back_ends_choice(self):
        with self.socket("/ws/proto-two", subprotocols=["one", "two"]) as client:
            self.assertEqual(client.subprotocol, "two")
        (asked,) = self.back_end.said("proto-two", "GET")
        self.assertEqual([part.strip() for part in self.back_end.fields(asked)["sec-websocket-protocol"].split(",")], ["one", "two"])
        self.assertEqual(self.refused("/ws/proto-three", subprotocols=["one"]), 502)
        self.ended("proto-three")

    def test_what_is_no_upgrade_does_not_reach_the_back_end(self):
        for request, status in [
            (b"GET /ws/ok-plain HTTP/1.1\r\nHost: h\r\n\r\n", 400),
            (upgrade("/ws/ok-plain").replace(b"Version: 13", b"Version: 12"), 426),
            (b"PUT /ws/ok-plain HTTP/1.1\r\nHost: h\r\n\r\n", 405),
            (upgrade("/ws/"), 404),
        ]:
            raw, head, _ = self.raw(request)
            raw.close()
            self.assertTrue(head.startswith(f"HTTP/1.1 {status} "), head)
        self.assertEqual(self.back_end.calls["ok-plain"], [])

    def test_an_id_travels_as_its_bytes(self):
        for name in ["%41", "a%2Fb", "%3F%23", "%25zz", "a|b^~", "+;,=", "%c3%a4", "%0d%0aX-Injected:1", "%00", "ok.."]:
            raw, head, _ = self.raw(upgrade(f"/ws/{name}"))
            self.assertTrue(head.startswith("HTTP/1.1 101 "), f"{name}: {head}")
            raw.sendall(masked(1, b"hi"))
            self.assertEqual(raw.recv(100), b"\x81\x07echo:hi")
            self.assertEqual(push(self.server.port, f"/ws/{name}", b"ho"), (200, b"ok"))
            self.assertEqual(raw.recv(100), b"\x81\x02ho")
            raw.close()
            self.ended(name)
            for call in self.back_end.calls[name]:
                self.assertEqual(call[1], f"/hooks/{name}")
                self.assertNotIn("x-injected", self.back_end.fields(call))
        for name in ["..", "%2e%2e", "..%2f..%2fadmin", "%zz", "a%", "a\\b", "\xe4", "a" * 256]:
            raw, head, _ = self.raw(upgrade(f"/ws/{name}"))
            raw.close()
            self.assertIn(head.split(" ")[1], ("400", "414"), name)

    def test_nothing_is_injected(self):
        more = "Ringcast-Connection: forged\r\nCookie: a=1\r\nCookie: b=2; Ringcast-Close-Code: 1\r\n"
        raw, head, _ = self.raw(upgrade("/ws/ok-inject?a=%0d%0aX-Injected:%201&b=c", more))
        self.assertTrue(head.startswith("HTTP/1.1 101 "), head)
        raw.close()
        self.ended("ok-inject")
        (asked,) = self.back_end.said("ok-inject", "GET")
        told = self.back_end.fields(asked)
        self.assertEqual(asked[1], "/hooks/ok-inject?a=%0d%0aX-Injected:%201&b=c")
        self.assertEqual(told["cookie"], "a=1; b=2; Ringcast-Close-Code: 1")
        self.assertNotIn("forged", told["ringcast-connection"])
        self.assertNotIn("x-injected", told)

    def test_early_frames_are_kept(self):
        raw, head, rest = self.raw(upgrade("/ws/ok-early") + masked(1, b"early"))
        self.assertTrue(head.startswith("HTTP/1.1 101 "), head)
        while len(rest) < 12:
            rest += raw.recv(100)
        self.assertEqual(rest, b"\x81\x0aecho:early")
        raw.close()
        self.ended("ok-early")

    # ---- messages ----

    def test_nothing_is_sent_for_nothing(self):
        with self.socket("/ws/ok-nothing") as client:
            for text in ["nothing", "204", "bytes", "last"]:
                client.send(text)
            self.assertEqual(client.recv(PATIENCE_S, decode=False), b"\xff\x00")
            self.assertEqual(client.recv(PATIENCE_S), "echo:last")
        self.ended("ok-nothing")

    def test_one_after_the_other_in_order(self):
        texts = [f"wait-{number}" for number in range(40)]
        for path, most in [("/ws/ok-order", 1), ("/one/ok-parallel", 4)]:
            with self.socket(path) as client:
                for text in texts:
                    client.send(text)
                heard = [client.recv(PATIENCE_S) for _ in texts]
                client.send("wait-last")
                client.close()
            name = path.split("/")[-1]
            self.assertEqual(sorted(heard), sorted(texts))
            self.ended(name)
            self.assertEqual(self.back_end.calls[name][-1][0], "DELETE", "after the last POST")
            self.assertEqual(len(self.back_end.said(name, "POST")), 41)
            if most == 1:
                self.assertEqual(heard, texts)
            self.assertLessEqual(self.back_end.most[name], most)

    def test_a_message_that_failed_ends_the_connection_or_is_ignored(self):
        for word in ["500", "302", "cut", "garbage", "half", "endless", "large", "badtext"]:
            with self.socket(f"/ws/ok-fail-{word}") as client:
                client.send(word)
                with self.assertRaises(ConnectionClosed) as closed:
                    client.recv(PATIENCE_S)
                self.assertEqual(closed.exception.rcvd.code, 1011, word)
            (end,) = self.ended(f"ok-fail-{word}")
            told = self.back_end.fields(end)
            self.assertEqual((told["ringcast-close-code"], told["ringcast-close-by"]), ("1011", "server"))
        with self.socket("/short/ok-soft") as client:
            for word in ["500", "cut", "hang", "drip", "badtext"]:
                client.send(word)
            client.send("last")
            self.assertEqual(client.recv(PATIENCE_S), "echo:last")
        self.ended("ok-soft")
        self.assertGreater(self.server.metric("ringcast_ws2api_requests_total", outcome="timed_out", purpose="message"), 0)

    def test_what_is_too_large_or_no_text_ends_only_its_own_connection(self):
        with self.socket("/ws/ok-bystander") as bystander:
            with self.socket("/ws/ok-large") as client:
                client.send("x" * 70_000)
                self.assertEqual(len(client.recv(PATIENCE_S)), 70_005)
                client.send("x" * 70_001)
                with self.assertRaises(ConnectionClosed) as closed:
                    client.recv(PATIENCE_S)
                self.assertEqual(closed.exception.rcvd.code, 1009)
            raw, _, _ = self.raw(upgrade("/ws/ok-badtext"))
            raw.sendall(masked(1, b"\xff"))
            heard = raw.recv(100)
            self.assertEqual((heard[0], heard[2:4]), (0x88, struct.pack("!H", 1007)))
            raw.close()
            for name, code in [("ok-large", "1009"), ("ok-badtext", "1007")]:
                (end,) = self.ended(name)
                self.assertEqual(self.back_end.fields(end)["ringcast-close-code"], code)
            bystander.send("still here")
            self.assertEqual(bystander.recv(PATIENCE_S), "echo:still here")
        self.ended("ok-bystander")

    # ---- ends ----

    def test_every_way_to_end(self):
        def fin(raw):
            raw.shutdown(socket.SHUT_WR)

        def reset(raw):
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            raw.close()

        def half_a_frame(raw):
            raw.sendall(b"\x81\x85\x00\x00\x00\x00he")
            raw.shutdown(socket.SHUT_WR)

        def unmasked(raw):
            raw.sendall(b"\x81\x01x")

        def without_a_code(raw):
            raw.sendall(masked(8, b""))

        ways = [
            ("fin", fin, "1006", "fin"),
            ("reset", reset, "1006", "reset"),
            ("half", half_a_frame, "1006", "fin"),
            ("unmasked", unmasked, "1002", "server"),
            ("codeless", without_a_code, "1005", "client"),
        ]
        for name, end, code, by in ways:
            raw, head, _ = self.raw(upgrade(f"/ws/ok-end-{name}"))
            self.assertTrue(head.startswith("HTTP/1.1 101 "), head)
            end(raw)
            (told,) = self.ended(f"ok-end-{name}")
            end_body = told[3]
            told = self.back_end.fields(told)
            self.assertEqual((told["ringcast-close-code"], told["ringcast-close-by"]), (code, by), name)
            self.assertEqual(int(told["content-length"]), len(end_body))
            raw.close()

    def test_who_leaves_while_the_back_end_thinks(self):
        raw = socket.create_connection(("127.0.0.1", self.server.port), PATIENCE_S)
        raw.sendall(upgrade("/short/hang-leave"))
        until(lambda: self.back_end.said("hang-leave", "GET"))
        raw.close()
        self.assertEqual(push(self.server.port, "/short/hang-leave", b"x"), (404, b"not found"))

    def test_a_crowd_leaves_at_once(self):
        names = [f"ok-crowd-{number}" for number in range(CROWD)]

        async def crowd():
            room = asyncio.Semaphore(50)

            async def one(name):
                async with room:
                    return await connect_async(
                        f"ws://127.0.0.1:{self.server.port}/ws/{name}", compression=None, open_timeout=PATIENCE_S, close_timeout=PATIENCE_S
                    )

            clients = await asyncio.gather(*map(one, names))
            for number, client in enumerate(clients):
                if number % 3 == 0:
                    client.transport.abort()
            await asyncio.gather(*(client.close(4000 + number % 3) for number, client in enumerate(clients)))

        asyncio.run(crowd())
        until(lambda: all(self.back_end.said(name, "DELETE") for name in names))
        until(lambda: self.server.metric("ringcast_ws2api_ends_waiting") == 0)
        for name in names:
            self.ended(name)
        self.assertEqual(self.server.metric("ringcast_ws2api_ends_lost_total"), 0)

    def test_an_end_is_told_until_it_is_heard(self):
        with self.socket("/ws/stubborn-1"):
            pass
        ends = self.ended("stubborn-1", 3)
        self.assertEqual(len({self.back_end.fields(end)["ringcast-connection"] for end in ends}), 1)

    # ---- pushes ----

    def test_what_becomes_of_a_push(self):
        port = self.server.port
        with self.socket("/ws/ok-push") as client:
            self.assertEqual(push(port, "/ws/ok-push", b"a", key=None)[0], 401)
            self.assertEqual(push(port, "/ws/ok-push", b"a", key="wrong")[0], 401)
            bearer = {"Authorization": f"Bearer {KEY}"}
            self.assertEqual(push(port, "/ws/ok-push", b"a", bearer, key=None), (200, b"ok"))
            binary = {"Content-Type": "application/octet-stream"}
            self.assertEqual(push(port, "/ws/ok-push", b"\xff", binary), (200, b"ok"))
            self.assertEqual(push(port, "/ws/ok-push", b"\xff", {"Content-Type": "text/plain"})[0], 400)
            self.assertEqual(push(port, "/ws/ok-push", b"x" * 1_001)[0], 413)
            self.assertEqual(client.recv(PATIENCE_S), "a")
            self.assertEqual(client.recv(PATIENCE_S), b"\xff")
            self.assertEqual(push(port, "/ws/ok-nobody", b"a"), (404, b"not found"))
        self.ended("ok-push")
        self.assertEqual(push(port, "/ws/ok-push", b"a"), (404, b"not found"))
        self.assertEqual(push(port, "/one/ok-nobody", b"a", key="another-key-of-the-back-end")[0], 404)
        self.assertEqual(push(port, "/short/ok-nobody", b"a", key=None)[0], 404)

    # ---- the same ClientID twice ----

    def test_the_newest_has_the_id(self):
        older = self.socket("/ws/ok-twice")
        newer = self.socket("/ws/ok-twice")
        with self.assertRaises(ConnectionClosed) as closed:
            older.recv(PATIENCE_S)
        self.assertEqual(closed.exception.rcvd.code, 4409)
        (end,) = self.ended("ok-twice")
        first, second = self.back_end.said("ok-twice", "GET")
        connection = lambda call: self.back_end.fields(call)["ringcast-connection"]
        self.assertEqual(connection(end), connection(first))
        self.assertNotEqual(connection(end), connection(second))
        for number in range(5):
            self.assertEqual(push(self.server.port, "/ws/ok-twice", b"%d" % number), (200, b"ok"))
            self.assertEqual(newer.recv(PATIENCE_S), str(number))
        newer.close()
        self.ended("ok-twice", 2)

    def test_the_newer_one_is_refused(self):
        with self.socket("/one/ok-single") as older:
            self.assertEqual(self.refused("/one/ok-single"), 409)
            self.assertEqual(len(self.back_end.said("ok-single", "GET")), 1)
            self.assertEqual(push(self.server.port, "/one/ok-single", b"hi"), (200, b"ok"))
            self.assertEqual(older.recv(PATIENCE_S), "hi")
        self.ended("ok-single")
        with self.socket("/one/ok-single"):
            pass
        self.ended("ok-single", 2)

    def test_both_get_each_push(self):
        with self.socket("/short/ok-both") as first, self.socket("/short/ok-both") as second:
            self.assertEqual(push(self.server.port, "/short/ok-both", b"hi"), (200, b"ok"))
            self.assertEqual((first.recv(PATIENCE_S), second.recv(PATIENCE_S)), ("hi", "hi"))
        self.ended("ok-both", 2)

    # ---- the back end and the server come and go ----

    def test_a_back_end_that_is_down(self):
        back_end = BackEnd(0)
        port = back_end.server_port
        server = Server(port)
        try:
            url = f"ws://127.0.0.1:{server.port}"
            client = connect(f"{url}/ws/ok-down", compression=None, open_timeout=PATIENCE_S)
            lost = connect(f"{url}/short/ok-down-too", compression=None, open_timeout=PATIENCE_S)
            back_end.stop()
            lost.send("into the void")
            client.close()
            with self.assertRaises(InvalidStatus) as refused:
                connect(f"{url}/ws/ok-later", compression=None, open_timeout=PATIENCE_S)
            self.assertIn(refused.exception.response.status_code, (502, 503))
            until(lambda: server.metric("ringcast_ws2api_requests_total", purpose="end", outcome="unreachable") > 0)
            self.assertEqual(server.metric("ringcast_ws2api_ends_waiting"), 1)
            back_end = BackEnd(port)
            until(lambda: back_end.said("ok-down", "DELETE"))
            lost.send("and back")
            self.assertEqual(lost.recv(PATIENCE_S), "echo:and back")
            with connect(f"{url}/ws/ok-later", compression=None, open_timeout=PATIENCE_S) as client:
                client.send("hi")
                self.assertEqual(client.recv(PATIENCE_S), "echo:hi")
            until(lambda: back_end.said("ok-later", "DELETE"))
            self.assertEqual(len(back_end.said("ok-down", "DELETE")), 1)
            lost.close()
        finally:
            server.leave()
            back_end.stop()
        self.assertEqual(len(back_end.said("ok-down-too", "DELETE")), 1)

    def test_messages_wait_for_a_back_end_that_restarts(self):
        back_end = BackEnd(0)
        port = back_end.server_port
        server = Server(port)
        try:
            url = f"ws://127.0.0.1:{server.port}/ws"
            clients = [connect(f"{url}/ok-wait-{number}", compression=None, open_timeout=PATIENCE_S) for number in range(20)]
            back_end.stop()
            for client in clients:
                client.send("one")
                client.send("two")
            until(lambda: server.metric("ringcast_ws2api_circuit_open", prefix="/ws/") == 1)
            with self.assertRaises(InvalidStatus) as refused:
                connect(f"{url}/ok-late", compression=None, open_timeout=PATIENCE_S)
            # It may be the probe.
            self.assertIn(refused.exception.response.status_code, (502, 503))
            back_end = BackEnd(port)
            for client in clients:
                self.assertEqual([client.recv(PATIENCE_S), client.recv(PATIENCE_S)], ["echo:one", "echo:two"])
            self.assertEqual(server.metric("ringcast_ws2api_circuit_open", prefix="/ws/"), 0)
            self.assertGreaterEqual(server.metric("ringcast_ws2api_circuit_openings_total", prefix="/ws/"), 1)
            for client in clients:
                client.close()
        finally:
            server.leave()
            back_end.stop()
        for number in range(20):
            calls = [call[0] for call in back_end.calls[f"ok-wait-{number}"]]
            self.assertEqual(calls, ["POST", "POST", "DELETE"])

    def test_a_server_that_leaves_tells_every_end(self):
        back_end = BackEnd(0)
        server = Server(back_end.server_port)
        names = [f"ok-leave-{number}" for number in range(50)]
        clients = [connect(f"ws://127.0.0.1:{server.port}/ws/{name}", compression=None, open_timeout=PATIENCE_S) for name in names]
        server.leave()
        for name in names:
            (end,) = back_end.said(name, "DELETE")
            told = back_end.fields(end)
            self.assertEqual((told["ringcast-close-code"], told["ringcast-close-by"]), ("1012", "server"))
        for client in clients:
            client.close()
        back_end.stop()

    def test_the_settings_are_checked(self):
        for text, key in [
            ("prefix = '/ws'\nbackends = ['http://a']", "api_key"),
            ("prefix = '/ws'\nbackends = []\napi_key = 'k'", "backends"),
            ("prefix = '/ws'\nbackends = ['a']\napi_key = 'k'", "backends"),
            ("prefix = '/'\nbackends = ['http://a']\napi_key = 'k'", "prefix"),
            ("prefix = '/api/x'\nbackends = ['http://a']\napi_key = 'k'", "prefix"),
            ("prefix = '/connection'\nbackends = ['http://a']\napi_key = 'k'", "prefix"),
            ("prefix = '/ws'\nbackends = ['http://a']\napi_key = 'k'\nmode = 'strict'", "mode"),
            ("prefix = '/ws'\nbackends = ['http://a']\napi_key = 'k'\nmax_in_flight = 0", "max_in_flight"),
            ("prefix = '/ws'\nbackends = ['http://a']\napi_key = 'k'\ncircuit_pause = '2s'\ncircuit_pause_max = '1s'", "circuit_pause_max"),
            ("prefix = '/ws'\nbackends = ['http://a']\napi_key = 'k'\ncircuit_message = 'x'", "circuit_message"),
            ("prefix = '/ws'\nbackends = ['http://a']\napi_key = 'k'\nforward_headers = ['host']", "forward_headers"),
        ]:
            with tempfile.NamedTemporaryFile("w", suffix=".toml") as file:
                file.write("[[ws2api]]\n" + text)
                file.flush()
                command = [BINARY, "serve", "--port", str(free_port()), "--config", file.name]
                done = subprocess.run(command, capture_output=True, timeout=PATIENCE_S, text=True)
                self.assertNotEqual(done.returncode, 0, text)
                self.assertIn(f"ws2api[0].{key}", done.stderr)


if __name__ == "__main__":
    unittest.main(verbosity=2, warnings="ignore")
