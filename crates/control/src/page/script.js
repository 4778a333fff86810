// The page of `ringcast serve --dev`: live figures, listening and publishing by hand. No library, nothing from elsewhere.

const HISTORY_POINTS = 120;
const HISTORY_POINTS_MIN = 30;
const POLL_MS = 1000;
const LOG_ROWS = 100;
const CONNECTIONS_FOR_A_MEAN = 100;

const at = (id) => document.getElementById(id);
const say = (id, text) => {
  const element = at(id);
  if (element.textContent !== text) element.textContent = text;
};

// ---- Numbers as people read them

const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const short = new Intl.NumberFormat("en", { maximumSignificantDigits: 3 });
const count = (value) => (value < 100 ? short.format(value) : whole.format(value));

function bytes(value) {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let unit = 0;
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${unit === 0 ? whole.format(value) : short.format(value)} ${units[unit]}`;
}

function span(ms) {
  if (ms < 1) return `${whole.format(ms * 1000)} µs`;
  return ms < 1000 ? `${short.format(ms)} ms` : `${short.format(ms / 1000)} s`;
}

// ---- Live figures

const SVG = "http://www.w3.org/2000/svg";

class Sparkline {
  constructor(id) {
    this.values = [];
    this.svg = at(id);
    this.svg.setAttribute("preserveAspectRatio", "none");
    this.area = this.svg.appendChild(document.createElementNS(SVG, "path"));
    this.line = this.svg.appendChild(document.createElementNS(SVG, "path"));
    this.area.setAttribute("class", "area");
    this.line.setAttribute("class", "line");
  }

  add(value) {
    this.values.push(value);
    if (this.values.length > HISTORY_POINTS) this.values.shift();
    const most = Math.max(...this.values, 1);
    // A young page shows less time rather than mostly nothing.
    const shown = Math.max(this.values.length, HISTORY_POINTS_MIN);
    const start = shown - this.values.length;
    const points = this.values.map((value, index) => `${start + index},${(97 - (value / most) * 85).toFixed(2)}`);
    this.line.setAttribute("d", `M${points.join("L")}`);
    this.area.setAttribute("d", `M${start},100L${points.join("L")}L${shown - 1},100Z`);
    this.svg.setAttribute("viewBox", `0 0 ${shown - 1} 100`);
  }

  clear() {
    this.values = [];
  }
}

const connectionsSpark = new Sparkline("connections-spark");
const messagesSpark = new Sparkline("messages-spark");
const TRANSPORTS = {
  websocket: "WebSocket",
  sse: "event stream",
  long_poll: "long poll",
  publish_stream: "publish stream",
  centrifugo_json: "Centrifugo",
  centrifugo_protobuf: "Centrifugo, Protobuf",
  centrifugo_sse: "Centrifugo, event stream",
  centrifugo_http_stream: "Centrifugo, HTTP stream",
  centrifugo_http_stream_protobuf: "Centrifugo, HTTP stream, Protobuf",
  centrifugo_uni_websocket: "Centrifugo, one way",
  centrifugo_uni_sse: "Centrifugo, one way, event stream",
  centrifugo_uni_http_stream: "Centrifugo, one way, HTTP stream",
  echo: "echo",
  http: "HTTP",
};
let before = null;

function showNow(stats) {
  const shards = stats.shards === 1 ? "1 shard" : `${stats.shards} shards`;
  say("version", stats.version);
  say("state", `${stats.state} · ${shards}`);
  at("state").classList.toggle("bad", stats.state !== "ready");
  at("tiles").classList.remove("stale");

  const kinds = Object.entries(stats.connections_by_transport)
    .filter(([, open]) => open > 0)
    .sort((a, b) => b[1] - a[1])
    .map(([name, open]) => `${count(open)} ${TRANSPORTS[name] ?? name}`);
  say("connections", count(stats.connections));
  say("connections-detail", [`${count(stats.subscriptions)} ${stats.subscriptions === 1 ? "subscription" : "subscriptions"}`, ...kinds].join(" · "));
  connectionsSpark.add(stats.connections);

  const many = stats.connections >= CONNECTIONS_FOR_A_MEAN;
  say("memory", many ? bytes(stats.memory_bytes / stats.connections) : "–");
  const from = many ? "user space" : `from ${CONNECTIONS_FOR_A_MEAN} on`;
  say("memory-detail", `${from} · process ${bytes(stats.resident_bytes)}`);
  say("turn", stats.turn_longest_secs > 0 ? span(stats.turn_longest_secs * 1000) : "–");
}

function showRates(stats) {
  const secs = (stats.taken_ms - before.taken_ms) / 1000;
  const rate = (name) => (stats[name] - before[name]) / secs;
  const out = rate("messages_out");
  const cpu = rate("cpu_secs");
  say("messages", count(out));
  say("messages-detail", `${count(rate("messages_in"))} /s published · ${whole.format(stats.messages_out)} sent so far`);
  messagesSpark.add(out);
  say("bandwidth", `${bytes(rate("bytes_out"))}/s`);
  say("bandwidth-detail", `${bytes(rate("bytes_in"))}/s in`);
  say("cpu", `${short.format(cpu * 100)} %`);
  say("cpu-detail", out >= 100 ? `of one core · ${short.format((cpu / out) * 1e6)} µs a message` : "of one core");
}

function show(stats) {
  const restarted = before && (stats.taken_ms < before.taken_ms || stats.messages_out < before.messages_out);
  if (restarted) {
    before = null;
    connectionsSpark.clear();
    messagesSpark.clear();
  }
  if (before && stats.taken_ms === before.taken_ms) return;
  showNow(stats);
  if (before) showRates(stats);
  before = stats;
}

async function poll() {
  if (!document.hidden) {
    try {
      const answer = await fetch("/stats", { signal: AbortSignal.timeout(5000) });
      if (!answer.ok) throw new Error(answer.statusText);
      show(await answer.json());
    } catch {
      say("state", "not reachable");
      at("state").classList.add("bad");
      at("tiles").classList.add("stale");
    }
  }
  setTimeout(poll, POLL_MS);
}

// ---- The log

const log = at("log");
const clock = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit", fractionalSecondDigits: 3 });
let waiting = [];

function row({ when, text, ms, told }) {
  const item = document.createElement("li");
  if (told) item.className = "told";
  const time = item.appendChild(document.createElement("time"));
  time.textContent = clock.format(when);
  item.appendChild(document.createElement("span")).textContent = text === "" ? "(empty)" : text;
  if (ms !== undefined) {
    const badge = item.appendChild(document.createElement("span"));
    badge.className = "ms";
    badge.textContent = span(ms);
  }
  return item;
}

// Drawn once a frame, so that a flood of messages costs the browser no more than a trickle.
function note(entry) {
  if (waiting.length === 0) requestAnimationFrame(draw);
  waiting.push({ when: new Date(), ...entry });
  if (waiting.length > 2 * LOG_ROWS) waiting = waiting.slice(-LOG_ROWS);
}

function draw() {
  log.prepend(...waiting.slice(-LOG_ROWS).reverse().map(row));
  while (log.children.length > LOG_ROWS) log.lastChild.remove();
  waiting = [];
}

// ---- Latency of what was published here and heard here

const published = new Map();
let latencies = [];

function remember(text) {
  const times = published.get(text) ?? [];
  times.push(performance.now());
  published.set(text, times);
  if (published.size > 1000) published.delete(published.keys().next().value);
}

function recall(text, now) {
  const times = published.get(text);
  if (!times) return undefined;
  const ms = now - times.shift();
  if (times.length === 0) published.delete(text);
  latencies.push(ms);
  if (latencies.length > 10000) latencies = latencies.slice(-5000);
  return ms;
}

function showLatencies() {
  if (latencies.length === 0) return;
  const sorted = latencies.toSorted((a, b) => a - b);
  say("latency-last", span(latencies.at(-1)));
  say("latency-median", span(sorted[Math.floor(sorted.length / 2)]));
  say("latency-slowest", span(sorted.at(-1)));
  say("latency-count", whole.format(sorted.length));
}

// ---- Subscribe

let listener = null;

function heard(data) {
  const now = performance.now();
  if (typeof data !== "string") {
    const head = [...new Uint8Array(data.slice(0, 16))].map((byte) => byte.toString(16).padStart(2, "0")).join(" ");
    note({ text: `${data.byteLength} bytes: ${head}${data.byteLength > 16 ? " …" : ""}` });
    return;
  }
  const ms = recall(data, now);
  note({ text: data, ms });
  if (ms !== undefined) requestAnimationFrame(showLatencies);
}

function listenState(text, listening) {
  say("listen-state", text);
  say("listen-button", listening ? "Unsubscribe" : "Subscribe");
}

function openWebSocket(path, subject) {
  const socket = new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}${path}`);
  socket.binaryType = "arraybuffer";
  socket.onopen = () => listenState(`listening to ${subject}`, true);
  socket.onmessage = (event) => heard(event.data);
  socket.onclose = (event) => {
    if (listener !== socket) return;
    listener = null;
    const why = [event.code === 1005 ? "" : event.code, event.reason].filter(Boolean).join(" ");
    listenState(`closed ${why}`, false);
  };
  return socket;
}

function openEventStream(path, subject) {
  const stream = new EventSource(path);
  stream.onopen = () => listenState(`listening to ${subject}`, true);
  stream.onmessage = (event) => heard(event.data);
  stream.addEventListener("reset", () => note({ text: "reset: some messages are missing here", told: true }));
  stream.onerror = () => {
    if (listener !== stream) return;
    const gone = stream.readyState === EventSource.CLOSED;
    if (gone) listener = null;
    listenState(gone ? "refused" : "interrupted, connecting again…", !gone);
  };
  return stream;
}

function stopListening() {
  const old = listener;
  listener = null;
  old?.close();
  listenState("not subscribed", false);
}

at("listen").addEventListener("submit", (event) => {
  event.preventDefault();
  if (listener) return stopListening();
  const subject = at("listen-subject").value;
  const path = `/sub/${encodeURIComponent(subject)}`;
  listenState("connecting…", true);
  const transport = new FormData(event.target).get("transport");
  listener = transport === "sse" ? openEventStream(path, subject) : openWebSocket(path, subject);
});

for (const radio of document.querySelectorAll("[name=transport]")) {
  radio.addEventListener("change", () => {
    if (!listener) return;
    stopListening();
    at("listen").requestSubmit();
  });
}

at("clear").addEventListener("click", () => {
  waiting = [];
  log.replaceChildren();
});

// ---- Publish

async function publish(subject, text) {
  remember(text);
  const sent = performance.now();
  const answer = await fetch(`/pub/${encodeURIComponent(subject)}`, {
    method: "POST",
    headers: { "Content-Type": "text/plain" },
    body: text,
  });
  const body = await answer.json();
  if (!answer.ok) {
    published.delete(text);
    throw new Error(body.error ?? answer.statusText);
  }
  return { ...body, ms: performance.now() - sent };
}

async function publishAll(texts) {
  const subject = at("publish-subject").value;
  const buttons = at("publish").querySelectorAll("button");
  buttons.forEach((button) => (button.disabled = true));
  try {
    let accepted;
    for (const text of texts) accepted = await publish(subject, text);
    const what = texts.length === 1 ? "accepted" : `all ${texts.length} accepted, the last`;
    say("publish-result", `${what} after ${span(accepted.ms)} at offset ${accepted.offset}`);
  } catch (error) {
    say("publish-result", `not published: ${error.message}`);
  }
  buttons.forEach((button) => (button.disabled = false));
}

// As in the form's own line ends, so that what is heard compares equal to what was sent.
const payload = () => at("payload").value.replaceAll("\r\n", "\n");

at("publish").addEventListener("submit", (event) => {
  event.preventDefault();
  publishAll([payload()]);
});

at("publish-many").addEventListener("click", () => {
  if (at("publish").reportValidity()) publishAll(Array.from({ length: 100 }, (_, number) => `${payload()} #${number + 1}`));
});

at("payload").addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) at("publish").requestSubmit();
});

// ---- Commands to copy

const COMMANDS = [
  ["Listen", (origin, path) => `curl -N -H 'Accept: text/event-stream' ${origin}/sub/${path}`],
  ["Publish", (origin, path) => `curl -d 'Hello from a shell' ${origin}/pub/${path}`],
  ["Wait for the next", (origin, path) => `curl '${origin}/sub/${path}?timeout=10'`],
  ["Publish by API", (origin, path, subject) => `curl --json '${JSON.stringify({ channel: subject, data: { text: "Hello" } }).replaceAll("'", "'\\''")}' ${origin}/api/publish`],
];

async function copy(text, button) {
  let done = true;
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    // Browsers give the clipboard to secure origins only; elsewhere the text is selected, ready to copy.
    getSelection().selectAllChildren(button.previousElementSibling);
    done = false;
  }
  button.textContent = done ? "Copied" : "Selected";
  setTimeout(() => (button.textContent = "Copy"), 1500);
}

function showCommands() {
  const subject = at("publish-subject").value || "hello";
  const path = encodeURIComponent(subject).replaceAll("'", "%27");
  const items = COMMANDS.map(([title, command]) => {
    const item = document.createElement("li");
    item.appendChild(document.createElement("span")).textContent = title;
    const code = item.appendChild(document.createElement("code"));
    code.textContent = command(location.origin, path, subject);
    code.tabIndex = 0;
    const button = item.appendChild(document.createElement("button"));
    button.type = "button";
    button.textContent = "Copy";
    button.setAttribute("aria-label", `Copy: ${title}`);
    button.addEventListener("click", () => copy(code.textContent, button));
    return item;
  });
  at("commands").replaceChildren(...items);
}

at("publish-subject").addEventListener("input", showCommands);
showCommands();
poll();
