# api.sh
key='X-API-Key: a-key-of-the-back-end'
api() { curl -s -H "$key" -d "$2" "http://127.0.0.1:45881/api/$1"; echo; }
