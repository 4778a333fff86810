"""WS2API's strict mode: what the original does, seen from both sides with raw sockets. With WS2API_ORIGINAL, a build of the original that takes
its address and the back end's URL as arguments, the same tests run against that: what it passes is what it does."""

import base64
import os
import socket
import struct
import subprocess
import tempfile
import threading
import time
import unittest
import urllib.request

from ws2api_test import BINARY, PATIENCE_S, BackEnd, free_port, masked, until

ORIGINAL = os.environ.get("WS2API_ORIGINAL")
CONFIG = """
[drain]
spread_ms = 100

[[ws2api]]
mode = "strict"
listen = "127.0.0.1:{port}"
prefix = "/"
backends = ["{url}/hooks"]
insecure = true
"""
here = unittest.skipIf(ORIGINAL, "differs, as docs/WS2API.md says")


def key():
    return base64.b64encode(os.urandom(16)).decode()


def request(target, method="GET", upgrade="websocket", version="13", more="", body=b""):
    lines = [f"{method} {target} HTTP/1.1", "Host: h"]
    if upgrade:
        lines += [f"Upgrade: {upgrade}", "Connection: Upgrade", f"Sec-WebSocket-Key: {key()}", f"Sec-WebSocket-Version: {version}"]
    if body or method == "POST":
        lines += [f"Content-Length: {len(body)}"]
    return ("\r\n".join(lines) + f"\r\n{more}\r\n").encode("latin-1") + body


class Socket:
    """A raw connection that has sent a request."""

    def __init__(self, port, sent):
        self.raw = socket.create_connection(("127.0.0.1", port), PATIENCE_S)
        self.raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.raw.sendall(sent)
        self.bytes = b""
        head = self.until(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        self.status = int(lines[0].split(" ")[1])
        self.fields = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines[1:])}
        self.body = b""
        if self.status != 101 and not sent.startswith(b"HEAD"):
            self.body = self.take(int(self.fields.get("content-length", 0)))

    def more(self):
        more = self.raw.recv(65_536)
        if not more:
            raise EOFError(self.bytes)
        self.bytes += more

    def until(self, mark):
        while mark not in self.bytes:
            self.more()
        taken, _, self.bytes = self.bytes.partition(mark)
        return taken

    def take(self, count):
        while len(self.bytes) < count:
            self.more()
        taken, self.bytes = self.bytes[:count], self.bytes[count:]
        return taken

    def say(self, text, opcode=1):
        self.raw.sendall(masked(opcode, text))

    def hear(self):
        """The first byte of a frame, and its payload."""
        first, length = self.take(2)
        if length == 126:
            (length,) = struct.unpack("!H", self.take(2))
        elif length == 127:
            (length,) = struct.unpack("!Q", self.take(8))
        return first, self.take(length)

    def close(self):
        self.raw.close()

    def reset(self):
        self.raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.raw.close()


class Strict(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.back_end = BackEnd(0)
        cls.port, cls.process = cls.start(f"http://127.0.0.1:{cls.back_end.server_port}")

    @classmethod
    def start(cls, url):
        port = free_port()
        if ORIGINAL:
            command = [ORIGINAL, f"127.0.0.1:{port}", f"{url}/hooks/"]
        else:
            cls.file = tempfile.NamedTemporaryFile("w", suffix=".toml")
            cls.file.write(CONFIG.format(port=port, url=url))
            cls.file.flush()
            command = [BINARY, "serve", "--address", "127.0.0.1", "--port", str(free_port()), "--shards", "2", "--config", cls.file.name]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

        def ready():
            assert process.poll() is None, "the server ended"
            try:
                return cls.counters(port)
            except OSError:
                return False

        until(ready)
        return port, process

    @classmethod
    def stop(cls, process):
        process.terminate()
        try:
            process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            raise

    @classmethod
    def tearDownClass(cls):
        cls.back_end.woken.set()
        cls.stop(cls.process)
        cls.back_end.stop()

    @staticmethod
    def counters(port):
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=PATIENCE_S) as answer:
            return {line.split(" ")[0]: int(line.split(" ")[1]) for line in answer.read().decode().splitlines()}

    def ask(self, *args, **options):
        return Socket(self.port, request(*args, **options))

    def open(self, name):
        client = self.ask(f"/{name}")
        self.assertEqual(client.status, 101)
        return client

    def push(self, name, body):
        client = self.ask(f"/{name}", method="POST", upgrade=None, body=body)
        client.close()
        return client.status, client.body

    def calls(self, name, method):
        return self.back_end.said(name, method)

    def ended(self, name, count=1):
        until(lambda: len(self.calls(name, "DELETE")) >= count, lambda: self.back_end.calls[name])
        self.assertEqual(len(self.calls(name, "DELETE")), count)
        return self.calls(name, "DELETE")[-1][3]

    # ---- connect ----

    def test_who_is_let_in(self):
        for name, status, body in [
            ("no-1", 403, b"forbidden"),
            ("status-403", 502, b"bad gateway"),
            ("status-404", 502, b"bad gateway"),
            ("status-201", 502, b"bad gateway"),
            ("cut-1", 502, b"bad gateway"),
            ("half-1", 502, b"bad gateway"),
        ]:
            client = self.ask(f"/{name}")
            self.assertEqual((client.status, client.body), (status, body), name)
            self.assertEqual(client.fields["content-type"], "text/plain; charset=utf-8")
            client.close()
        client = self.open("moved-strict")
        self.assertEqual(len(self.calls("ok-moved", "GET")), 1)
        client.close()
        self.ended("moved-strict")

    def test_the_back_end_hears_of_nothing_but_the_id(self):
        client = self.ask("/ok-bare/more?query=1", more="Cookie: a=1\r\nAuthorization: x\r\nOrigin: http://a\r\nSec-WebSocket-Protocol: one\r\n")
        self.assertEqual(client.status, 101)
        self.assertNotIn("sec-websocket-protocol", client.fields)
        client.say(b"hi")
        self.assertEqual(client.hear(), (0x81, b"echo:hi"))
        client.close()
        self.assertEqual(self.ended("ok-bare"), b"EOF")
        for call in self.back_end.calls["ok-bare"]:
            self.assertEqual(call[1], "/hooks/ok-bare")
            told = set(self.back_end.fields(call)) - {"host", "user-agent", "accept-encoding", "content-length"}
            self.assertEqual(told, set(), call[0])
        self.assertNotIn("content-length", self.back_end.fields(self.calls("ok-bare", "GET")[0]))

    def test_an_id_is_decoded_and_encoded_again(self):
        for name, told in [
            ("%41bc", "Abc"),
            ("ok%3Fq%3D1", "ok?q=1"),
            ("%c3%a4", "%C3%A4"),
            ("%e4", "%E4"),
            ("a%20b", "a%20b"),
            ("a%2Fb", "a"),
            ("a|b^~", "a%7Cb%5E~"),
            ("a!b'(c)*", "a!b'(c)*"),
            ("a%21%27b", "a!'b"),
            ("a[b]", "a[b]"),
            ("a%22b", "a%22b"),
            ("a%23b", "a"),
            ("a%25b3%3a", "a%b3:"),
            ("+;,=:@&$", "+;,=:@&$"),
            ("ok..", "ok.."),
        ]:
            path = f"/hooks/{told}"
            client = self.ask(f"/{name}")
            self.assertEqual(client.status, 101, name)
            client.close()
            with self.back_end.lock:
                paths = [call[1] for calls in self.back_end.calls.values() for call in calls]
            self.assertIn(path, paths, name)

    def test_an_id_that_is_no_url_when_it_is_decoded(self):
        for name in ["%25zz", "a%25", "a%0d%0aX-Injected:1", "%00", "%7f"]:
            client = self.ask(f"/{name}")
            self.assertEqual((client.status, client.body), (502, b"bad gateway"), name)
            client.close()
        client = self.ask("/%zz")
        self.assertEqual(client.status, 400)
        client.close()

    @here
    def test_an_id_leads_nowhere_else(self):
        for name in ["..", "%2e%2e", "."]:
            client = self.ask(f"/{name}")
            self.assertEqual((client.status, client.body), (502, b"bad gateway"), name)
            client.close()
        client = self.ask("/smuggle%3Fa%20HTTP/1.0")
        self.assertEqual(client.status, 101)
        client.close()
        self.ended("smuggle")
        self.assertEqual(self.calls("smuggle", "GET")[0][1], "/hooks/smuggle?a%20HTTP")

    def test_what_is_no_upgrade_is_found_out_after_the_back_end_was_asked(self):
        for number, (method, options) in enumerate(
            [
                ("GET", {"upgrade": None}),
                ("GET", {"upgrade": "WebSocket"}),
                ("GET", {"version": "12"}),
                ("PUT", {}),
                ("DELETE", {}),
                ("OPTIONS", {}),
                ("HEAD", {}),
                ("PUT", {"upgrade": None}),
            ]
        ):
            name = f"ok-late-{number}"
            client = self.ask(f"/{name}", method=method, **options)
            self.assertEqual(client.status, 400, (method, options))
            if options.get("upgrade", "websocket") != "websocket" and method != "HEAD":
                self.assertEqual(client.body, b"no upgrade requested")
            client.close()
            self.assertEqual(len(self.calls(name, "GET")), 1)
        self.open("ok-late").close()
        self.ended("ok-late")
        for number in range(8):
            self.assertEqual(self.calls(f"ok-late-{number}", "DELETE"), [])
        client = self.ask("/no-late", upgrade=None)
        self.assertEqual((client.status, client.body), (403, b"forbidden"))

    @here
    def test_early_frames_are_kept(self):
        client = Socket(self.port, request("/ok-early-strict") + masked(1, b"early"))
        self.assertEqual(client.hear(), (0x81, b"echo:early"))
        client.close()
        self.ended("ok-early-strict")

    # ---- messages ----

    def test_what_comes_back(self):
        client = self.open("ok-back")
        for text, answer in [
            (b"hi", b"echo:hi"),
            (b"", b"echo:"),
            (b"nothing", b""),
            (b"204", b""),
            (b"500", b"a stack trace"),
            (b"cut", b""),
            (b"garbage", b""),
        ]:
            client.say(text)
            self.assertEqual(client.hear(), (0x81, answer), text)
        self.assertNotIn("content-type", self.back_end.fields(self.calls("ok-back", "POST")[0]))
        client.say(b"\x00\xff", opcode=2)
        client.say(b"after")
        self.assertEqual(client.hear(), (0x81, b"echo:after"))
        self.assertNotIn(b"\x00\xff", [call[3] for call in self.calls("ok-back", "POST")])
        client.say(b"bytes of a ping", opcode=9)
        self.assertEqual(client.hear(), (0x8A, b""))
        client.say(b"badtext")
        first, payload = client.hear()
        self.assertEqual((first, payload[:2]), (0x88, struct.pack("!H", 1001)))
        client.close()
        self.ended("ok-back")

    def test_sixteen_at_once_in_the_order_of_completion(self):
        client = self.open("ok-sixteen")
        for _ in range(32):
            client.say(b"wait")
        for _ in range(32):
            self.assertEqual(client.hear(), (0x81, b"wait"))
        self.assertLessEqual(self.back_end.most["ok-sixteen"], 16)
        self.assertGreater(self.back_end.most["ok-sixteen"], 1)
        client.say(b"hang")
        client.say(b"hi")
        self.assertEqual(client.hear(), (0x81, b"echo:hi"))
        client.close()
        self.assertEqual(self.ended("ok-sixteen"), b"EOF")

    def test_frames_that_are_none(self):
        large = b"\x81\xff" + struct.pack("!Q", (16 << 20) + 1) + b"\0\0\0\0"
        for name, frame, code in [
            ("ok-large", large, 1009),
            ("ok-text", masked(1, b"\xff"), 1007),
            ("ok-unmasked", b"\x81\x01x", 1002),
        ]:
            client = self.open(name)
            client.raw.sendall(frame)
            first, payload = client.hear()
            self.assertEqual((first, payload[:2]), (0x88, struct.pack("!H", code)), name)
            client.close()
            self.ended(name)

    # ---- ends ----

    def test_how_it_ended(self):
        half = b"\x81\x85\x00\x00\x00\x00he"
        for name, end, told in [
            ("fin", lambda client: client.raw.shutdown(socket.SHUT_WR), b"EOF"),
            ("half", lambda client: (client.raw.sendall(half), client.raw.shutdown(socket.SHUT_WR)), b"unexpected EOF"),
            ("empty", lambda client: client.say(b"", opcode=8), b""),
            ("said", lambda client: client.say(struct.pack("!H", 1000) + b"bye", opcode=8), b"bye"),
            ("codeless", lambda client: client.say(struct.pack("!H", 4000), opcode=8), b""),
        ]:
            client = self.open(f"ok-end-{name}")
            end(client)
            self.assertEqual(self.ended(f"ok-end-{name}"), told, name)
            client.close()
        client = self.open("ok-end-reset")
        client.reset()
        self.assertTrue(self.ended("ok-end-reset").endswith(b"connection reset by peer"))

    def test_how_a_close_is_answered(self):
        for code, answer in [
            (None, b""),
            (1000, struct.pack("!H", 1000)),
            (1001, struct.pack("!H", 1000)),
            (1011, struct.pack("!H", 1000)),
            (3000, struct.pack("!H", 3000)),
            (4999, struct.pack("!H", 4999)),
            (1005, struct.pack("!H", 1002)),
            (999, struct.pack("!H", 1002)),
        ]:
            name = f"ok-close-{code}"
            client = self.open(name)
            client.say(b"" if code is None else struct.pack("!H", code) + b"why", opcode=8)
            self.assertEqual(client.hear(), (0x88, answer), code)
            client.close()
            self.ended(name)

    def test_an_end_does_not_wait_for_the_messages_before_it(self):
        client = self.open("ok-impatient")
        client.say(b"hang")
        until(lambda: self.calls("ok-impatient", "POST"))
        client.close()
        self.ended("ok-impatient")

    def test_an_end_is_lost_while_the_back_end_is_down(self):
        back_end = BackEnd(0)
        port, process = self.start(f"http://127.0.0.1:{back_end.server_port}")
        client = Socket(port, request("/ok-lost"))
        client.say(b"hi")
        client.hear()
        back_end.stop()
        client.say(b"hi")
        self.assertEqual(client.hear(), (0x81, b""))
        client.close()
        until(lambda: self.counters(port)["connections_closed"] == 1)
        back_end = BackEnd(back_end.server_port)
        client = Socket(port, request("/ok-found"))
        self.assertEqual(client.status, 101)
        client.close()
        until(lambda: back_end.said("ok-found", "DELETE"))
        self.assertEqual(back_end.said("ok-lost", "DELETE"), [])
        self.stop(process)
        back_end.stop()

    # ---- push ----

    def test_push(self):
        self.assertEqual(self.push("ok-nobody", b"hi"), (404, b"not found"))
        client = self.open("ok-pushed")
        for body in [b"hi", b"", "häh".encode()]:
            self.assertEqual(self.push("ok-pushed", body), (200, b"ok"))
            self.assertEqual(client.hear(), (0x81, body))
        self.assertEqual(self.push("%6fk-pushed/more", b"the same"), (200, b"ok"))
        self.assertEqual(client.hear(), (0x81, b"the same"))
        self.assertEqual(self.push("ok-pushed", b"\xff"), (200, b"ok"))
        first, payload = client.hear()
        self.assertEqual((first, payload[:2]), (0x88, struct.pack("!H", 1001)))
        client.close()
        self.ended("ok-pushed")

    # ---- the same ClientID twice ----

    def test_both_stay_and_the_newest_gets_the_pushes(self):
        older, newer = self.open("ok-twice"), self.open("ok-twice")
        self.assertEqual(self.push("ok-twice", b"hi"), (200, b"ok"))
        self.assertEqual(newer.hear(), (0x81, b"hi"))
        older.say(b"still here")
        self.assertEqual(older.hear(), (0x81, b"echo:still here"))
        newer.close()
        self.ended("ok-twice")
        until(lambda: self.push("ok-twice", b"hi") == (404, b"not found"))
        older.close()
        self.ended("ok-twice", 2)

    @here
    def test_the_end_of_the_older_one_does_not_take_the_id_from_the_newer(self):
        older, newer = self.open("ok-defect"), self.open("ok-defect")
        older.close()
        self.ended("ok-defect")
        self.assertEqual(self.push("ok-defect", b"hi"), (200, b"ok"))
        self.assertEqual(newer.hear(), (0x81, b"hi"))
        newer.close()
        self.ended("ok-defect", 2)

    # ---- counters ----

    def test_five_counters(self):
        back_end = BackEnd(0)
        port, process = self.start(f"http://127.0.0.1:{back_end.server_port}")
        names = ["connections_opened", "connections_closed", "requests_started", "requests_failed", "requests_succeeded"]
        self.assertEqual(self.counters(port), dict.fromkeys(names, 0))
        client = Socket(port, request("/"))
        self.assertEqual((client.status, client.fields["content-type"]), (200, "text/plain; charset=utf-8"))
        self.assertEqual(client.body.decode(), "".join(f"{name} 0\n" for name in names))
        client.close()
        client = Socket(port, request("/", method="POST", upgrade=None))
        self.assertEqual((client.status, client.body), (404, b"not found"))
        client.close()
        client = Socket(port, request("/ok-count"))
        client.say(b"hi")
        client.hear()
        client.say(b"500")
        client.hear()
        Socket(port, request("/status-500")).close()
        Socket(port, request("/no-count")).close()
        self.assertEqual(self.counters(port), dict(zip(names, [1, 0, 5, 2, 3])))
        client.close()
        until(lambda: back_end.said("ok-count", "DELETE"))
        until(lambda: self.counters(port) == dict(zip(names, [1, 1, 6, 2, 4])), lambda: self.counters(port))
        self.stop(process)
        back_end.stop()


if __name__ == "__main__":
    unittest.main(verbosity=2, warnings="ignore")
