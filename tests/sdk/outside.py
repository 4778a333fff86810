"""What a published client of any language is tried in: the real server, a cable before it that can be cut, and hands.

    python3 outside.py COMMAND...      runs the command with the world's addresses in its environment, and ends as it ends

`WORLD` is where the hands are, over HTTP: `/cut` and `/mend` the cable, `/stop` and `/start` the server, `/token?…` signs one with the
claims that the query has, and `/asked?path=…&client=…` says what a back end was asked. `SERVER_WS`, `CABLE_WS` and `SERVER_HTTP` are the addresses
of server and cable, `API_KEY` a key of the API; `PROXIED_WS` is another server, whose clients are let in and answered by that back end.
"""

import base64
import hashlib
import hmac
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from proxied import BackEnd, respond

BINARY = os.environ.get("SERVER_UNDER_TEST") or str(Path(__file__).parents[2] / "target/release/ringcast")
PATIENCE_S = 20
SECRET = "a-secret-of-the-backend"
API_KEY = "a-key-of-the-backend"
CONFIG = f"""
[api]
keys = ["{API_KEY}"]

[client]
expired_close_delay = "1s"
expired_sub_close_delay = "1s"

[client.token]
hmac_secret_key = "{SECRET}"

[heartbeat]
ping_interval_ms = 2000
pong_timeout_ms = 1500

[drain]
spread_ms = 100
deadline_ms = 5000

[[namespace]]
pattern = "open.>"
subscribe = true
publish = true
history = {{ count = 100 }}
allow_history_for_subscriber = true
presence = true
allow_presence_for_subscriber = true

[[namespace]]
pattern = "closed.>"
"""


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Server:
    def __init__(self, config):
        self.port = free_port()
        self.command = [BINARY, "serve", "--address", "127.0.0.1", "--port", str(self.port), "--shards", "2"]
        self.command += ["--config", str(config)]
        self.process = None

    def start(self):
        self.process = subprocess.Popen(self.command, stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + PATIENCE_S
        while True:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/readyz", timeout=1):
                    return
            except OSError:
                if self.process.poll() is not None or time.monotonic() > deadline:
                    raise
                time.sleep(0.05)

    def stop(self):
        if self.process is None:
            return
        self.process.send_signal(signal.SIGTERM)
        try:
            code = self.process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise
        self.process = None
        if code:
            raise RuntimeError(f"the server ended with {code}")


class Cable:
    """Passes bytes on until it is cut: then every connection breaks, and new ones are refused until it is mended."""

    def __init__(self, port):
        self.far = port
        self.whole = True
        self.sockets = set()
        self.lock = threading.Lock()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            near, _ = self.listener.accept()
            with self.lock:
                pair = (near, socket.create_connection(("127.0.0.1", self.far))) if self.whole else (near,)
                if len(pair) == 1:
                    near.close()
                    continue
                self.sockets.update(pair)
            for one, other in (pair, pair[::-1]):
                threading.Thread(target=self.carry, args=(one, other), daemon=True).start()

    def carry(self, one, other):
        try:
            while data := one.recv(65536):
                other.sendall(data)
        except OSError:
            pass
        with self.lock:
            for end in (one, other):
                self.sockets.discard(end)
                self.break_off(end)

    @staticmethod
    def break_off(end):
        try:
            end.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        end.close()

    def cut(self):
        with self.lock:
            self.whole = False
            for end in self.sockets:
                self.break_off(end)
            self.sockets.clear()

    def mend(self):
        self.whole = True


def token(claims):
    part = lambda data: base64.urlsafe_b64encode(data).rstrip(b"=")  # noqa: E731
    text = b".".join(part(json.dumps(one, separators=(",", ":")).encode()) for one in ({"alg": "HS256", "typ": "JWT"}, claims))
    return text + b"." + part(hmac.new(SECRET.encode(), text, hashlib.sha256).digest())


def claims_of(query):
    claims = dict(urllib.parse.parse_qsl(query))
    if "ttl" in claims:
        claims["exp"] = int(time.time()) + int(claims.pop("ttl"))
    if "info" in claims:
        claims["info"] = json.loads(claims["info"])
    return claims


def hands(server, cable, back_end):
    class Hands(BaseHTTPRequestHandler):
        def do_GET(self):
            path, _, query = self.path.partition("?")
            deeds = {"/cut": cable.cut, "/mend": cable.mend, "/stop": server.stop, "/start": server.start}
            tells = {"/token": lambda: token(claims_of(query)), "/asked": lambda: back_end.asked(dict(urllib.parse.parse_qsl(query)))}
            answer = tells[path]() if path in tells else deeds[path]() or b""
            respond(self, answer)

        def log_message(self, *_):
            pass

    listener = ThreadingHTTPServer(("127.0.0.1", 0), Hands)
    threading.Thread(target=listener.serve_forever, daemon=True).start()
    return f"http://127.0.0.1:{listener.server_port}"


def main():
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "ringcast.toml"
        config.write_text(CONFIG)
        server = Server(config)
        back_end = BackEnd()
        other = Path(folder) / "proxied.toml"
        other.write_text(back_end.config())
        proxied = Server(other)
        try:
            server.start()
            proxied.start()
            cable = Cable(server.port)
            world = {
                "WORLD": hands(server, cable, back_end),
                "PROXIED_WS": f"ws://127.0.0.1:{proxied.port}/connection/websocket",
                "SERVER_WS": f"ws://127.0.0.1:{server.port}/connection/websocket",
                "CABLE_WS": f"ws://127.0.0.1:{cable.port}/connection/websocket",
                "SERVER_HTTP": f"http://127.0.0.1:{server.port}",
                "API_KEY": API_KEY,
            }
            return subprocess.run(sys.argv[1:], env={**os.environ, **world}).returncode
        finally:
            server.stop()
            proxied.stop()


if __name__ == "__main__":
    sys.exit(main())
