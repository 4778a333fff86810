"""Centrifugo's published Python client in both encodings. Run by `outside.py`, which brings the server and the cable before it."""

import asyncio
import itertools
import json
import os
import unittest
import urllib.parse
import urllib.request

from centrifuge import (
    Client,
    ClientEventHandler,
    ReplyError,
    StreamPosition,
    SubscriptionEventHandler,
)

PATIENCE_S = 15
numbers = itertools.count()


def fresh(name):
    return f"open.{name}-{os.getpid()}-{next(numbers)}"


def get(url):
    with urllib.request.urlopen(url, timeout=PATIENCE_S) as answer:
        return answer.read().decode()


async def hand(deed, **query):
    """Has the world do something: cut, mend, stop, start, token."""
    return await asyncio.to_thread(get, f"{os.environ['WORLD']}/{deed}?{urllib.parse.urlencode(query)}")


def post(path, body, kind):
    headers = {"Content-Type": kind, "X-API-Key": os.environ["API_KEY"]}
    request = urllib.request.Request(os.environ["SERVER_HTTP"] + path, body, headers, method="POST")
    with urllib.request.urlopen(request, timeout=PATIENCE_S) as answer:
        return json.loads(answer.read())


async def backend(channel, body, kind="application/json"):
    return await asyncio.to_thread(post, f"/pub/{channel}", body, kind)


class Events:
    """Every event in a queue of its name."""

    def __init__(self, base):
        self.queues = {}

        def handler(name):
            async def handle(_, context):
                self.queues.setdefault(name, asyncio.Queue()).put_nowait(context)

            return handle

        names = [name for name in vars(base) if name.startswith("on_")]
        self.handler = type("Handler", (base,), {name: handler(name) for name in names})()

    async def next(self, name):
        queue = self.queues.setdefault(f"on_{name}", asyncio.Queue())
        return await asyncio.wait_for(queue.get(), PATIENCE_S)

    def count(self, name):
        queue = self.queues.get(f"on_{name}")
        return queue.qsize() if queue else 0


class Both:
    """What is the same in JSON and Protobuf; `data` and `value` go between a value and what the client takes."""

    protobuf = False

    def data(self, value):
        return json.dumps(value).encode() if self.protobuf else value

    def value(self, data):
        return json.loads(data) if self.protobuf else data

    async def asyncSetUp(self):
        self.clients = []

    async def asyncTearDown(self):
        for one in self.clients:
            await one.disconnect()

    async def client(self, address=None, connected=True, **options):
        events = Events(ClientEventHandler)
        if "token" not in options and "get_token" not in options:
            options["token"] = await hand("token", sub="ann", info='{"name":"Ann"}')
        address = address or os.environ["SERVER_WS"]
        one = Client(address, events=events.handler, use_protobuf=self.protobuf, proxy=None, max_reconnect_delay=0.3, **options)
        self.clients.append(one)
        await one.connect()
        return one, events, await events.next("connected") if connected else None

    async def listen(self, one, channel, **options):
        events = Events(SubscriptionEventHandler)
        sub = one.new_subscription(channel, events=events.handler, max_resubscribe_delay=0.3, **options)
        await sub.subscribe()
        return sub, events, await events.next("subscribed")

    async def heard(self, events, count):
        return [(await events.next("publication")).pub for _ in range(count)]

    async def test_connects_publishes_and_hears_who_published(self):
        one, _, hello = await self.client()
        self.assertEqual(len(hello.client), 36)
        sub, events, _ = await self.listen(one, fresh("own"))
        value = {"text": 'größer "und" 🚀\n', "list": [1, 2.5, None, True]}
        await sub.publish(self.data(value))
        (publication,) = await self.heard(events, 1)
        self.assertEqual(self.value(publication.data), value)
        self.assertEqual((publication.info.client, publication.info.user), (hello.client, "ann"))
        self.assertEqual(self.value(publication.info.conn_info), {"name": "Ann"})

    async def test_refreshes_its_token_and_stays(self):
        fetched = 0

        async def get_token():
            nonlocal fetched
            fetched += 1
            return await hand("token", sub="ann", ttl=60 if fetched > 1 else 2)

        _, events, _ = await self.client(get_token=get_token)
        await events.next("connecting")
        await asyncio.sleep(4.5)
        self.assertEqual((fetched, events.count("connecting"), events.count("disconnected")), (2, 0, 0))

    async def test_a_subscription_token_opens_a_closed_channel(self):
        one, _, _ = await self.client()
        refused = Events(SubscriptionEventHandler)
        await one.new_subscription("closed.a", events=refused.handler).subscribe()
        self.assertEqual((await refused.next("unsubscribed")).code, 103)
        fetched = 0

        async def get_token(channel):
            nonlocal fetched
            fetched += 1
            return await hand("token", sub="ann", channel=channel, ttl=60 if fetched > 1 else 2)

        _, events, _ = await self.listen(one, "closed.b", get_token=get_token)
        await backend("closed.b", b"1")
        await self.heard(events, 1)
        await asyncio.sleep(4.5)
        self.assertEqual((fetched, events.count("unsubscribed")), (2, 0))

    async def test_is_told_in_codes(self):
        _, events, _ = await self.client(token="none of ours", connected=False)
        self.assertEqual((await events.next("disconnected")).code, 3500)
        one, _, _ = await self.client()
        for call, code in [
            (one.publish("x" * 256, self.data(1)), 102),
            (one.publish("closed.a", self.data(1)), 103),
            (one.history("unknown"), 102),
            (one.rpc("method", self.data(1)), 108),
        ]:
            with self.assertRaises(ReplyError) as refused:
                await call
            self.assertEqual(refused.exception.code, code)
        await one.publish(fresh("still"), self.data(1))

    async def test_sees_who_is_there(self):
        channel = fresh("presence")
        one, _, hello = await self.client()
        sub, _, _ = await self.listen(one, channel)
        other, _, greeting = await self.client(token=await hand("token", sub="bob"))
        joined, _, _ = await self.listen(other, channel)
        there = (await sub.presence()).clients
        who = {id: info.user for id, info in there.items()}
        self.assertEqual(who, {hello.client: "ann", greeting.client: "bob"})
        self.assertEqual(self.value(there[hello.client].conn_info), {"name": "Ann"})
        stats = await sub.presence_stats()
        self.assertEqual((stats.num_clients, stats.num_users), (2, 2))
        await joined.unsubscribe()
        deadline = asyncio.get_running_loop().time() + PATIENCE_S
        while (await sub.presence_stats()).num_clients != 1:
            self.assertLess(asyncio.get_running_loop().time(), deadline)
        self.assertEqual(set((await sub.presence()).clients), {hello.client})

    async def test_reads_history(self):
        one, _, _ = await self.client()
        sub, _, _ = await self.listen(one, fresh("history"))
        for number in range(1, 6):
            await sub.publish(self.data(number))
        top = await sub.history()
        self.assertEqual((top.publications, top.offset, len(top.epoch)), ([], 5, 6))
        since = StreamPosition(offset=2, epoch=top.epoch)
        for options, want in [
            ({"limit": -1}, [1, 2, 3, 4, 5]),
            ({"limit": 2, "reverse": True}, [5, 4]),
            ({"limit": 2, "since": since}, [3, 4]),
        ]:
            page = await sub.history(**options)
            self.assertEqual([(self.value(one.data), one.offset) for one in page.publications], [(n, n) for n in want])
        with self.assertRaises(ReplyError) as refused:
            await sub.history(since=StreamPosition(offset=1, epoch="AAAAAB"))
        self.assertEqual(refused.exception.code, 112)

    async def test_misses_nothing_when_the_line_is_cut(self):
        one, _, _ = await self.client(os.environ["CABLE_WS"])
        channel = fresh("kept")
        _, events, context = await self.listen(one, channel, recoverable=True, positioned=True)
        self.assertTrue(context.recoverable and context.positioned)
        await events.next("subscribing")
        number, heard = 0, []
        for _ in range(2):
            await hand("cut")
            await events.next("subscribing")
            for _ in range(20):
                number += 1
                await backend(channel, str(number).encode())
            await hand("mend")
            context = await events.next("subscribed")
            self.assertTrue(context.was_recovering and context.recovered, context)
            heard += await self.heard(events, 20)
        self.assertEqual([(self.value(one.data), one.offset) for one in heard], [(n, n) for n in range(1, 41)])

    async def test_answers_pings_and_comes_back_after_a_restart(self):
        one, events, _ = await self.client()
        _, heard, _ = await self.listen(one, fresh("again"))
        await events.next("connecting")
        await asyncio.sleep(5)
        self.assertEqual(events.count("connecting"), 0, "a client that did not answer would be gone")
        await hand("stop")
        self.assertEqual((await events.next("connecting")).code, 3001)
        await hand("start")
        await events.next("connected")
        await heard.next("subscribed")


    async def proxied(self, user, connected=True, **options):
        address, headers = os.environ["PROXIED_WS"], {"X-User": user} if user else {}
        return await self.client(address, connected, token="", headers=headers, **options)

    async def asked(self, path, client):
        return json.loads(await hand("asked", path=path, client=client))

    async def test_a_back_end_says_who_connects(self):
        one, events, hello = await self.proxied("ann", name="script", version="7", data=self.data({"wish": "in"}))
        self.assertEqual(self.value(hello.data), {"hello": "ann"})
        self.assertEqual((await events.next("subscribed")).channel, "given")
        ((question),) = await self.asked("/connect", hello.client)
        spoken = "protobuf" if self.protobuf else "json"
        told = {"transport": "websocket", "protocol": spoken, "encoding": "json", "name": "script", "version": "7", "data": {"wish": "in"}}
        self.assertEqual(question["body"], {"client": hello.client, **told})
        for user, code in [("", 4501), ("late", 4242)]:
            _, events, _ = await self.proxied(user, connected=False)
            self.assertEqual((await events.next("disconnected")).code, code)

    async def test_a_back_end_answers_for_subscriptions_and_publications(self):
        one, _, hello = await self.proxied("ann")
        sub, events, context = await self.listen(one, f"asked:{fresh('open')}", data=self.data([1]))
        self.assertEqual(self.value(context.data), {"of": "ann"})
        (question,) = await self.asked("/subscribe", hello.client)
        self.assertEqual((question["body"]["data"], question["body"]["meta"]), ([1], {"tenant": 7}))
        await sub.publish(self.data({"text": "hi"}))
        (heard,) = await self.heard(events, 1)
        self.assertEqual((self.value(heard.data), heard.tags, heard.info.user), ({"text": "HI"}, {"k": "v"}, "ann"))
        with self.assertRaises(ReplyError) as refused:
            await sub.publish(self.data({"bad": True}))
        self.assertEqual(refused.exception.code, 1000)
        refused = Events(SubscriptionEventHandler)
        await one.new_subscription("asked:closed", events=refused.handler).subscribe()
        self.assertEqual((await refused.next("unsubscribed")).code, 403)

    async def test_a_back_end_answers_calls(self):
        one, _, hello = await self.proxied("ann")
        answers = await asyncio.gather(*(one.rpc("sum", self.data([number, 1])) for number in range(5)))
        self.assertEqual([self.value(one.data) for one in answers], [{"sum": number + 1, "user": "ann"} for number in range(5)])
        with self.assertRaises(ReplyError) as failed:
            await one.rpc("fail", self.data([]))
        self.assertEqual(failed.exception.code, 1234)
        question = (await self.asked("/rpc", hello.client))[0]["body"]
        self.assertEqual((question["method"], question["data"], question["meta"]), ("sum", [0, 1], {"tenant": 7}))

    async def test_a_session_lasts_as_long_as_the_back_end_says(self):
        _, events, hello = await self.proxied("ann", data=self.data({"wish": "brief"}))
        await events.next("connecting")
        self.assertEqual((await events.next("connecting")).code, 3005)
        self.assertEqual(len(await self.asked("/refresh", hello.client)), 2)


class Json(Both, unittest.IsolatedAsyncioTestCase):
    async def test_bytes_that_are_no_json_end_it_and_nobody_else(self):
        one, events, _ = await self.client()
        channel = fresh("bytes")
        await self.listen(one, channel)
        await backend(channel, b"\xff\x00", "application/octet-stream")
        self.assertEqual((await events.next("disconnected")).code, 3506)


class Protobuf(Both, unittest.IsolatedAsyncioTestCase):
    protobuf = True

    async def test_bytes_come_as_they_are(self):
        one, _, _ = await self.client()
        channel = fresh("bytes")
        sub, events, _ = await self.listen(one, channel)
        await sub.publish(bytes(range(256)))
        await backend(channel, b"\xff\x00", "application/octet-stream")
        await backend(channel, b"words", "text/plain")
        self.assertEqual([one.data for one in await self.heard(events, 3)], [bytes(range(256)), b"\xff\x00", b"words"])


if __name__ == "__main__":
    unittest.main()
