. ./api.sh
position=$(curl -s -H "$key" -d one http://127.0.0.1:45881/pub/kept.events | sed 's/.*"position":"\([^"]*\)".*/\1/')
curl -s -H "$key" -d two http://127.0.0.1:45881/pub/kept.events > answer.txt
curl -sN --max-time 20 -H 'Accept: text/event-stream' -H "Last-Event-ID: $position" http://127.0.0.1:45881/sub/kept.events | grep -m 1 '^data'
