-- Who has entered, who of them is connected, and what was said. Both back ends use it.
CREATE TABLE IF NOT EXISTS people (
    id TEXT PRIMARY KEY,        -- the ClientID: where ringcast finds the person's WebSocket
    token TEXT NOT NULL,        -- the cookie: only who has it may open that WebSocket
    name TEXT NOT NULL,
    connection TEXT             -- the WebSocket's name (Ringcast-Connection); NULL: not here
);
CREATE TABLE IF NOT EXISTS messages (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL,
    text TEXT NOT NULL
);
-- Lists of who is here are numbered: from two workers they may arrive in another order than they were made.
CREATE TABLE IF NOT EXISTS lists (number INTEGER PRIMARY KEY AUTOINCREMENT);
