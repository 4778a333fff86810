"""A chat whose WebSockets are held by ringcast: this application knows nothing but requests. The README says how to run it."""

import http.client
import json
import os
import secrets
import sqlite3
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

from flask import Flask, request

HERE = Path(__file__).parent.parent
DATABASE = os.environ.get("CHAT_DATABASE", "chat.sqlite")
SOCKETS = os.environ.get("CHAT_SOCKETS", "ws://localhost:8000/ws/")  # as the page opens them
PUSHES = urlsplit(os.environ.get("CHAT_PUSHES", "http://127.0.0.1:8000/ws/"))
PUSH_KEY = os.environ.get("CHAT_PUSH_KEY", "change-me")
HOOKS = "/hooks/" + os.environ.get("CHAT_HOOK_SECRET", "change-me-too")
HISTORY = 50  # messages that a newcomer sees
TEXT_MAX = 500

app = Flask(__name__)


def database():
    """One connection a request. It writes at once: several processes do."""
    rows = sqlite3.connect(DATABASE, timeout=10, isolation_level=None)
    rows.row_factory = sqlite3.Row
    return closing(rows)


with database() as rows:
    rows.executescript((HERE / "schema.sql").read_text())


# ---- the page ----


@app.get("/")
def page():
    return (HERE / "page.html").read_text()


@app.post("/enter")
def enter():
    name = request.form.get("name", "").strip()[:40]
    if not name:
        return "a name, please", 400
    person, token = secrets.token_hex(8), secrets.token_hex(16)
    with database() as rows:
        rows.execute("INSERT INTO people (id, token, name) VALUES (?, ?, ?)", (person, token, name))
    answer = app.json.response(socket=SOCKETS + person)
    # Strict: a page of somebody else's site can't open a WebSocket in this person's name. A cookie is for all ports of a host.
    answer.set_cookie("chat", token, httponly=True, samesite="Strict")
    return answer


# ---- what ringcast asks and tells: a WebSocket's life ----


@app.get(f"{HOOKS}/<person>")
def may_come(person):
    with database() as rows:
        known = rows.execute("SELECT 1 FROM people WHERE id = ? AND token = ?", (person, request.cookies.get("chat"))).fetchone()
    return "ok" if known else ("who are you?", 401)


@app.post(f"{HOOKS}/<person>")
def says(person):
    try:
        text = json.loads(request.get_data(as_text=True)).get("say")
    except (ValueError, AttributeError):
        return ""
    with database() as rows:
        if text is None:
            # The first message: here I am. Only now pushes can reach the person, and whatever was said before this moment is in the answer.
            rows.execute("UPDATE people SET connection = ? WHERE id = ?", (request.headers["Ringcast-Connection"], person))
            push(rows, here=here(rows))
            said = rows.execute("SELECT * FROM messages ORDER BY number DESC LIMIT ?", (HISTORY,)).fetchall()
            return {"said": [dict(message) for message in reversed(said)]}
        text = str(text).strip()[:TEXT_MAX]
        who = rows.execute("SELECT name FROM people WHERE id = ?", (person,)).fetchone()
        if text and who:
            number = rows.execute("INSERT INTO messages (name, text) VALUES (?, ?)", (who["name"], text)).lastrowid
            push(rows, said=[{"number": number, "name": who["name"], "text": text}])
    return ""  # nothing more for the speaker: the message reaches everybody alike


@app.delete(f"{HOOKS}/<person>")
def is_gone(person):
    with database() as rows:
        # Of two WebSockets with one ClientID the older one ends when the newer one is here already: it must not take it away.
        gone = rows.execute("UPDATE people SET connection = NULL WHERE id = ? AND connection = ?", (person, request.headers["Ringcast-Connection"]))
        if gone.rowcount:
            push(rows, here=here(rows))
    return ""


# ---- and what it is told: messages ----


def here(rows):
    number = rows.execute("INSERT INTO lists DEFAULT VALUES").lastrowid
    people = rows.execute("SELECT name FROM people WHERE connection IS NOT NULL ORDER BY name").fetchall()
    return {"number": number, "people": [row["name"] for row in people]}


def push(rows, **message):
    """To everybody who is here, over one connection that is kept alive."""
    lost = 0
    with closing(http.client.HTTPConnection(PUSHES.netloc, timeout=10)) as ringcast:
        for row in rows.execute("SELECT id, connection FROM people WHERE connection IS NOT NULL").fetchall():
            ringcast.request("POST", PUSHES.path + row["id"], json.dumps(message), {"X-API-Key": PUSH_KEY})
            answer = ringcast.getresponse()
            answer.read()
            if answer.status == 404:
                # Nobody there any more: a server that died could not tell us.
                lost += rows.execute("UPDATE people SET connection = NULL WHERE id = ? AND connection = ?", (row["id"], row["connection"])).rowcount
    if lost:
        push(rows, here=here(rows))
