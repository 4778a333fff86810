<?php

/** A chat whose WebSockets are held by ringcast: this application knows nothing but requests. The README says how to run it. */

declare(strict_types=1);

const HISTORY = 50; // messages that a newcomer sees
const TEXT_MAX = 500;

function setting(string $name, string $otherwise): string
{
    return getenv($name) ?: $otherwise;
}

/** One connection a request. It writes at once: several processes do. */
function database(): PDO
{
    $path = setting('CHAT_DATABASE', 'chat.sqlite');
    $rows = new PDO("sqlite:$path", null, null, [PDO::ATTR_TIMEOUT => 10, PDO::ATTR_DEFAULT_FETCH_MODE => PDO::FETCH_ASSOC]);
    $rows->exec(file_get_contents(__DIR__ . '/../schema.sql'));
    return $rows;
}

function ask(PDO $rows, string $query, array $values = []): PDOStatement
{
    $statement = $rows->prepare($query);
    $statement->execute($values);
    return $statement;
}

function answer(int $status, string $body = '', string $type = 'text/plain'): never
{
    http_response_code($status);
    header("Content-Type: $type; charset=utf-8");
    echo $body;
    exit;
}

// ---- the page ----

function enter(PDO $rows): never
{
    $name = beginning(trim($_POST['name'] ?? ''), 40);
    if ($name === '') {
        answer(400, 'a name, please');
    }
    [$person, $token] = [bin2hex(random_bytes(8)), bin2hex(random_bytes(16))];
    ask($rows, 'INSERT INTO people (id, token, name) VALUES (?, ?, ?)', [$person, $token, $name]);
    // Strict: a page of somebody else's site can't open a WebSocket in this person's name. A cookie is for all ports of a host.
    setcookie('chat', $token, ['path' => '/', 'httponly' => true, 'samesite' => 'Strict']);
    answer(200, json_encode(['socket' => setting('CHAT_SOCKETS', 'ws://localhost:8000/ws/') . $person]), 'application/json');
}

/** The first characters of a text in UTF-8; '' if it is none. */
function beginning(string $text, int $most): string
{
    return preg_match("/^.{0,$most}/us", $text, $found) ? $found[0] : '';
}

// ---- what ringcast asks and tells: a WebSocket's life ----

function may_come(PDO $rows, string $person): never
{
    $known = ask($rows, 'SELECT 1 FROM people WHERE id = ? AND token = ?', [$person, $_COOKIE['chat'] ?? ''])->fetch();
    $known ? answer(200, 'ok') : answer(401, 'who are you?');
}

function says(PDO $rows, string $person): never
{
    $message = json_decode(file_get_contents('php://input'), true);
    if (!is_array($message)) {
        answer(200);
    }
    if (!isset($message['say'])) {
        // The first message: here I am. Only now pushes can reach the person, and whatever was said before this moment is in the answer.
        ask($rows, 'UPDATE people SET connection = ? WHERE id = ?', [$_SERVER['HTTP_RINGCAST_CONNECTION'], $person]);
        push($rows, ['here' => here($rows)]);
        $said = ask($rows, 'SELECT * FROM messages ORDER BY number DESC LIMIT ' . HISTORY)->fetchAll();
        answer(200, json_encode(['said' => array_reverse($said)]), 'application/json');
    }
    $text = is_scalar($message['say']) ? beginning(trim((string) $message['say']), TEXT_MAX) : '';
    $who = ask($rows, 'SELECT name FROM people WHERE id = ?', [$person])->fetch();
    if ($text !== '' && $who) {
        ask($rows, 'INSERT INTO messages (name, text) VALUES (?, ?)', [$who['name'], $text]);
        push($rows, ['said' => [['number' => (int) $rows->lastInsertId(), 'name' => $who['name'], 'text' => $text]]]);
    }
    answer(200); // nothing more for the speaker: the message reaches everybody alike
}

function is_gone(PDO $rows, string $person): never
{
    // Of two WebSockets with one ClientID the older one ends when the newer one is here already: it must not take it away.
    $gone = ask($rows, 'UPDATE people SET connection = NULL WHERE id = ? AND connection = ?', [$person, $_SERVER['HTTP_RINGCAST_CONNECTION']]);
    if ($gone->rowCount() > 0) {
        push($rows, ['here' => here($rows)]);
    }
    answer(200);
}

// ---- and what it is told: messages ----

function here(PDO $rows): array
{
    ask($rows, 'INSERT INTO lists DEFAULT VALUES');
    $number = (int) $rows->lastInsertId();
    $people = ask($rows, 'SELECT name FROM people WHERE connection IS NOT NULL ORDER BY name')->fetchAll(PDO::FETCH_COLUMN);
    return ['number' => $number, 'people' => $people];
}

/** To everybody who is here. With php-curl these requests could share a connection. */
function push(PDO $rows, array $message): void
{
    $lost = 0;
    foreach (ask($rows, 'SELECT id, connection FROM people WHERE connection IS NOT NULL')->fetchAll() as $person) {
        $request = stream_context_create(['http' => [
            'method' => 'POST',
            'header' => ['X-API-Key: ' . setting('CHAT_PUSH_KEY', 'change-me'), 'Content-Type: text/plain'],
            'content' => json_encode($message),
            'ignore_errors' => true,
            'timeout' => 10,
        ]]);
        file_get_contents(setting('CHAT_PUSHES', 'http://127.0.0.1:8000/ws/') . $person['id'], false, $request);
        if (str_contains($http_response_header[0] ?? '', ' 404')) {
            // Nobody there any more: a server that died could not tell us.
            $lost += ask($rows, 'UPDATE people SET connection = NULL WHERE id = ? AND connection = ?', [$person['id'], $person['connection']])->rowCount();
        }
    }
    if ($lost > 0) {
        push($rows, ['here' => here($rows)]);
    }
}

$path = parse_url($_SERVER['REQUEST_URI'], PHP_URL_PATH);
$hooks = '/hooks/' . setting('CHAT_HOOK_SECRET', 'change-me-too') . '/';
if (str_starts_with($path, $hooks)) {
    $person = substr($path, strlen($hooks));
    match ($_SERVER['REQUEST_METHOD']) {
        'GET' => may_come(database(), $person),
        'POST' => says(database(), $person),
        'DELETE' => is_gone(database(), $person),
        default => answer(405),
    };
}
match ($_SERVER['REQUEST_METHOD'] . ' ' . $path) {
    'GET /' => answer(200, file_get_contents(__DIR__ . '/../page.html'), 'text/html'),
    'POST /enter' => enter(database()),
    default => answer(404, 'not found'),
};
