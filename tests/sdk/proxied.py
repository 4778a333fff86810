"""A server whose clients are let in, and answered, by a back end: the back end, which remembers what it was asked, and the server's settings."""

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


def soon():
    """A time that is over in a second or two."""
    return int(time.time()) + 2


def respond(handler, body):
    """Answers a request with 200 and this."""
    handler.send_response(200)
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body)


class BackEnd:
    """Answers by path: as Centrifugo's event proxies are answered."""

    def __init__(self):
        self.questions = []
        back_end = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                headers = {name.lower(): value for name, value in self.headers.items()}
                back_end.questions.append({"path": self.path, "headers": headers, "body": body})
                said = getattr(back_end, self.path[1:])(body, headers)
                answer = json.dumps(said, separators=(",", ":")).encode()
                respond(self, answer)

            def log_message(self, *_):
                pass

        self.listener = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.listener.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.listener.server_port}"

    def asked(self, query):
        """What was asked about a client, at a path."""
        of = [one for one in self.questions if one["path"] == query["path"] and one["body"]["client"] == query["client"]]
        return json.dumps(of).encode()

    def connect(self, body, headers):
        user = headers.get("x-user")
        if not user:
            return {"disconnect": {"code": 4501, "reason": "log in first"}}
        if user == "late":
            return {"error": {"code": 4242, "message": "not now"}}
        result = {"user": user, "info": {"name": user}, "data": {"hello": user}, "channels": ["given"], "meta": {"tenant": 7}}
        if body.get("data") == {"wish": "brief"}:
            result["expire_at"] = soon()
        return {"result": result}

    def refresh(self, body, _):
        again = sum(one["path"] == "/refresh" and one["body"]["client"] == body["client"] for one in self.questions) > 1
        return {"result": {"expired": True}} if again else {"result": {"expire_at": soon()}}

    def subscribe(self, body, _):
        if body["channel"].endswith("closed"):
            return {"error": {"code": 403, "message": "closed"}}
        return {"result": {"data": {"of": body["user"]}}}

    def publish(self, body, _):
        if body["data"].get("bad"):
            return {"error": {"code": 1000, "message": "bad"}}
        return {"result": {"data": {"text": body["data"]["text"].upper()}, "tags": {"k": "v"}}}

    def rpc(self, body, _):
        if body["method"] == "fail":
            return {"error": {"code": 1234, "message": "it failed"}}
        return {"result": {"data": {"sum": sum(body["data"]), "user": body["user"]}}}

    def config(self):
        """The settings of a server that asks it."""
        return f"""
[client.proxy.connect]
enabled = true
endpoint = "{self.url}/connect"
timeout = "20s"
http_headers = ["X-User"]

[client.proxy.refresh]
enabled = true
endpoint = "{self.url}/refresh"
timeout = "20s"

[channel.proxy.subscribe]
endpoint = "{self.url}/subscribe"
timeout = "20s"
include_connection_meta = true

[channel.proxy.publish]
endpoint = "{self.url}/publish"
timeout = "20s"

[rpc.without_namespace]
proxy_enabled = true

[rpc.proxy]
endpoint = "{self.url}/rpc"
timeout = "20s"
include_connection_meta = true

[channel.without_namespace]

[[channel.namespaces]]
name = "asked"
subscribe_proxy_enabled = true
publish_proxy_enabled = true

[drain]
spread_ms = 100
deadline_ms = 5000
"""
