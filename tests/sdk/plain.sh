#!/usr/bin/env bash
# curl against the plain transports: event stream, long poll, publish, refusals.
set -euo pipefail
cd "$(dirname "$0")"
binary=${SERVER_UNDER_TEST:-../../target/release/ringcast}
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
folder=$(mktemp -d)
base=http://127.0.0.1:$port

"$binary" serve --dev --port "$port" --shards 2 --history 100 >"$folder/log" 2>&1 &
server=$!
finish() {
  kill -TERM "$server" 2>/dev/null || true
  wait "$server" || true
  rm -r "$folder"
}
trap finish EXIT

fail() {
  echo "FAILED: $1" >&2
  sed 's/^/  server: /' "$folder/log" >&2
  exit 1
}
is() { # what, seen, wanted
  [[ "$2" == "$3" ]] || fail "$1: '$2' is not '$3'"
  echo "ok: $1"
}
has() { # what, text, part
  [[ "$2" == *"$3"* ]] || fail "$1: '$2' has no '$3'"
  echo "ok: $1"
}
status() { curl -sS -m 10 -o "$folder/body" -w '%{http_code}' "$@"; }
publish() { curl -sS -m 10 -H 'Content-Type: text/plain' --data-binary "$2" "$base/pub/$1"; }
member() { python3 -c 'import json, sys; print(json.load(sys.stdin)[sys.argv[1]])' "$1"; }

for _ in $(seq 100); do
  curl -sf -m 1 "$base/readyz" >"$folder/body" 2>&1 && break
  kill -0 "$server" 2>/dev/null || fail "the server ended at once"
  sleep 0.1
done

first=$(publish news one)
is "the first offset" "$(member offset <<<"$first")" 1
position=$(member position <<<"$first")
publish news two >/dev/null
publish news $'three\nlines' >/dev/null

body=$(curl -sS -m 10 "$base/sub/news?since=$position&timeout=5")
has "a poll resumes" "$body" '"data":"two"'
has "a line feed in a poll" "$body" '"data":"three\nlines"'
next=$(member position <<<"$body")
is "a poll that waits in vain" "$(status "$base/sub/news?since=$next&timeout=1")" 204
is "a position that is none" "$(status "$base/sub/news?since=nonsense")" 400
has "and why" "$(cat "$folder/body")" '"error"'

curl -sS -N -m 3 -H 'Accept: text/event-stream' -H "Last-Event-ID: $position" "$base/sub/news" >"$folder/events" 2>/dev/null || true
has "an event stream resumes" "$(cat "$folder/events")" 'data: two'
has "a line feed in an event" "$(cat "$folder/events")" $'data: three\ndata: lines'
has "an event has a position" "$(cat "$folder/events")" 'id: '

epoch=$(publish uni '"first"' | member epoch)
publish uni '"second"' >/dev/null
connect="{\"subs\":{\"uni\":{\"recover\":true,\"offset\":1,\"epoch\":\"$epoch\"}}}"
for transport in uni_sse uni_http_stream; do
  curl -sS -N -m 3 --data-binary "$connect" "$base/connection/$transport" >"$folder/pushes" 2>/dev/null || true
  has "$transport begins" "$(cat "$folder/pushes")" '{"connect":{"client":"'
  has "$transport resumes" "$(cat "$folder/pushes")" 'second'
done

is "PUT publishes" "$(status -X PUT -H 'Content-Type: application/json' --data-binary '{"a":[1]}' "$base/pub/news")" 200
body=$(curl -sS -m 10 "$base/sub/news?since=$next&timeout=5")
has "JSON stays JSON" "$body" '"data":{"a":[1]}'
has "bytes come as base64" "$(
  since=$(member position <<<"$body")
  printf '\377\000' | curl -sS -m 10 -H 'Content-Type: application/octet-stream' --data-binary @- "$base/pub/news" >/dev/null
  curl -sS -m 10 "$base/sub/news?since=$since&timeout=5"
)" '{"base64":"/wA="}'

once=$(curl -sS -m 10 -H 'Idempotency-Key: k1' --data-binary x "$base/pub/once")
again=$(curl -sS -m 10 -H 'Idempotency-Key: k1' --data-binary x "$base/pub/once")
is "the same key is the same publication" "$again" "$once"

is "no subject" "$(status "$base/sub/")" 400
is "a subject too long" "$(status "$base/sub/$(printf 'x%.0s' $(seq 256))")" 400
is "no such path" "$(status "$base/nowhere")" 404
is "a WebSocket path without an upgrade" "$(status "$base/connection/websocket")" 426
is "another WebSocket version" "$(status -H 'Connection: Upgrade' -H 'Upgrade: websocket' -H 'Sec-WebSocket-Version: 8' -H 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==' "$base/echo")" 426
is "healthz" "$(status "$base/healthz")" 200
has "metrics" "$(curl -sS -m 10 "$base/metrics")" 'ringcast_'

two=$(curl -sS -m 10 "$base/healthz" "$base/healthz" -w '%{num_connects} ' -o /dev/null -o /dev/null)
is "keep-alive" "$two" "1 0 "
echo "curl: all well"
