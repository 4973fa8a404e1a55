-- Version 1 of the state file. Migrations append files; this one is never edited after a release.
-- WAL, one writer at a time (BEGIN IMMEDIATE); readers never wait.

CREATE TABLE state (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    armed INTEGER NOT NULL DEFAULT 0,
    strict INTEGER NOT NULL DEFAULT 0,
    policy_version INTEGER NOT NULL DEFAULT 1,
    rev INTEGER NOT NULL DEFAULT 0,
    locked INTEGER NOT NULL DEFAULT 0,
    lock_code TEXT NOT NULL DEFAULT '',
    lock_reason TEXT NOT NULL DEFAULT '',
    lock_by TEXT NOT NULL DEFAULT '',
    lock_utc INTEGER NOT NULL DEFAULT 0,
    lock_refused INTEGER NOT NULL DEFAULT 0,
    epoch_at INTEGER NOT NULL DEFAULT 0,
    call_cap_tokens INTEGER,
    call_cap_cost INTEGER,
    password_hash TEXT,
    failures INTEGER NOT NULL DEFAULT 0,
    blocked_until_at INTEGER NOT NULL DEFAULT 0,
    pruned_utc INTEGER NOT NULL DEFAULT 0,
    CHECK (armed IN (0, 1) AND locked IN (0, 1) AND strict IN (0, 1)),
    CHECK ((locked = 1 AND lock_code <> '' AND lock_reason <> '' AND lock_utc > 0)
        OR (locked = 0 AND lock_code = '' AND lock_reason = '' AND lock_utc = 0))
);
INSERT INTO state (id) VALUES (1);

-- The ledger's clock: boot time plus an offset kept per boot, so that a step of the wall clock moves nothing.
CREATE TABLE clock (
    boot_id TEXT PRIMARY KEY,
    offset_ns INTEGER NOT NULL,
    last_boottime_ns INTEGER NOT NULL,
    last_wall_ns INTEGER NOT NULL
);

CREATE TABLE limits (
    dimension TEXT NOT NULL CHECK (dimension IN ('calls', 'tokens', 'cost')),
    window_s INTEGER NOT NULL CHECK (window_s > 0),
    scope TEXT NOT NULL,
    maximum INTEGER NOT NULL CHECK (typeof(maximum) = 'integer' AND maximum >= 0),
    PRIMARY KEY (dimension, window_s, scope)
) WITHOUT ROWID;
INSERT INTO limits VALUES ('calls', 60, '*/*', 30), ('tokens', 3600, '*/*', 100000), ('cost', 3600, '*/*', 1000000);

CREATE TABLE patterns (
    pattern TEXT NOT NULL,
    action TEXT NOT NULL CHECK (action IN ('protect', 'exempt')),
    PRIMARY KEY (pattern, action)
) WITHOUT ROWID;
INSERT INTO patterns VALUES ('*/*', 'protect');

-- Append-only, with running totals: the sum of a window is the last row's totals less those at its start.
CREATE TABLE charges (
    scope TEXT NOT NULL,
    at INTEGER NOT NULL,
    calls INTEGER NOT NULL,
    tokens INTEGER NOT NULL,
    cost INTEGER NOT NULL,
    PRIMARY KEY (scope, at)
) WITHOUT ROWID;

CREATE TABLE sessions (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    server TEXT NOT NULL,
    transport TEXT NOT NULL,
    pid INTEGER NOT NULL,
    command TEXT NOT NULL DEFAULT '',
    client_name TEXT NOT NULL DEFAULT '',
    client_version TEXT NOT NULL DEFAULT '',
    protocol TEXT NOT NULL DEFAULT '',
    started_utc INTEGER NOT NULL,
    ended_utc INTEGER,
    exit_code INTEGER
);
CREATE INDEX sessions_server ON sessions (server, id);

CREATE TABLE calls (
    id INTEGER PRIMARY KEY, -- session << 32 | n
    rev INTEGER NOT NULL,
    session INTEGER NOT NULL,
    server TEXT NOT NULL,
    method TEXT NOT NULL,
    tool TEXT NOT NULL,
    from_server INTEGER NOT NULL,
    protected INTEGER NOT NULL,
    started_utc INTEGER NOT NULL,
    duration_ns INTEGER,
    arguments_bytes INTEGER NOT NULL,
    result_bytes INTEGER NOT NULL,
    tokens_in INTEGER NOT NULL,
    tokens_out INTEGER NOT NULL,
    tokens_method TEXT NOT NULL,
    cost INTEGER NOT NULL,
    outcome TEXT NOT NULL,
    code TEXT NOT NULL,
    note TEXT NOT NULL,
    flags TEXT NOT NULL,
    arguments TEXT NOT NULL,
    result TEXT NOT NULL
);
CREATE INDEX calls_rev ON calls (rev);

-- Running figures per tool, so that a screen never sums history.
CREATE TABLE tool_usage (
    server TEXT NOT NULL,
    tool TEXT NOT NULL,
    calls INTEGER NOT NULL DEFAULT 0,
    errors INTEGER NOT NULL DEFAULT 0,
    refused INTEGER NOT NULL DEFAULT 0,
    tokens INTEGER NOT NULL DEFAULT 0,
    cost INTEGER NOT NULL DEFAULT 0,
    last_utc INTEGER NOT NULL DEFAULT 0,
    last_outcome TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (server, tool)
) WITHOUT ROWID;

CREATE TABLE audit (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    utc INTEGER NOT NULL,
    actor TEXT NOT NULL,
    action TEXT NOT NULL,
    detail TEXT NOT NULL
);

-- Every definition ever seen, by the SHA-256 of its canonical JSON.
CREATE TABLE definitions (
    fingerprint TEXT PRIMARY KEY,
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    json TEXT NOT NULL,
    tokens INTEGER NOT NULL,
    first_utc INTEGER NOT NULL
) WITHOUT ROWID;

-- What each server lists now and listed before; gone_utc is NULL while it is on the list.
CREATE TABLE listings (
    server TEXT NOT NULL,
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    first_utc INTEGER NOT NULL,
    last_utc INTEGER NOT NULL,
    gone_utc INTEGER,
    PRIMARY KEY (server, kind, name, fingerprint)
) WITHOUT ROWID;

-- The newest verdict of each producer on one exact text of one server.
CREATE TABLE verdicts (
    fingerprint TEXT NOT NULL,
    server TEXT NOT NULL,
    producer TEXT NOT NULL CHECK (producer IN ('local', 'remote')),
    version TEXT NOT NULL, -- rule set version, or model + prompt version
    score REAL, -- NULL: unscanned, with the reason in error
    reason TEXT NOT NULL DEFAULT '',
    findings TEXT NOT NULL DEFAULT '[]',
    capabilities TEXT NOT NULL DEFAULT '',
    error TEXT NOT NULL DEFAULT '',
    tokens INTEGER NOT NULL DEFAULT 0,
    utc INTEGER NOT NULL,
    PRIMARY KEY (fingerprint, server, producer)
) WITHOUT ROWID;

-- What a person decided about exactly one text of one server.
CREATE TABLE reviews (
    server TEXT NOT NULL,
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    decision TEXT NOT NULL CHECK (decision IN ('approved', 'blocked')),
    by TEXT NOT NULL,
    utc INTEGER NOT NULL,
    PRIMARY KEY (server, kind, name, fingerprint)
) WITHOUT ROWID;

-- The LLM scanner: what the user agreed to, which process has it, how its run goes. One row.
CREATE TABLE scanner (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    consent TEXT NOT NULL DEFAULT '' CHECK (consent IN ('', 'agreed', 'declined', 'withdrawn')),
    consent_to TEXT NOT NULL DEFAULT '', -- the model's server that was asked about
    consent_utc INTEGER NOT NULL DEFAULT 0,
    owner TEXT NOT NULL DEFAULT '', -- random word of the worker that has the scanner; '': nobody
    pid INTEGER NOT NULL DEFAULT 0,
    host TEXT NOT NULL DEFAULT '',
    able INTEGER NOT NULL DEFAULT 0, -- whether that worker could ask the model
    beat_at INTEGER NOT NULL DEFAULT 0,
    state TEXT NOT NULL DEFAULT 'off',
    detail TEXT NOT NULL DEFAULT '',
    version TEXT NOT NULL DEFAULT '', -- model and prompt of the verdicts it makes
    budget INTEGER NOT NULL DEFAULT 0, -- tokens a UTC day
    run INTEGER NOT NULL DEFAULT 0,
    run_state TEXT NOT NULL DEFAULT '' CHECK (run_state IN ('', 'running', 'done', 'cancelled', 'stopped')),
    run_started_utc INTEGER NOT NULL DEFAULT 0,
    run_ended_utc INTEGER NOT NULL DEFAULT 0
);
INSERT INTO scanner (id) VALUES (1);

-- What the LLM scanner did about one text of one server last, and when it may try again.
CREATE TABLE scan_attempts (
    server TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    run INTEGER NOT NULL DEFAULT 0, -- that judged it
    looked_at INTEGER NOT NULL DEFAULT 0,
    failures INTEGER NOT NULL DEFAULT 0, -- in a row
    due_at INTEGER NOT NULL DEFAULT 0, -- not before
    requested_at INTEGER NOT NULL DEFAULT 0, -- a person asks for another look; 0: nobody does
    PRIMARY KEY (server, fingerprint)
) WITHOUT ROWID;

-- What the LLM scanner used, by UTC day ("2026-01-31") and server.
CREATE TABLE scan_spending (
    day TEXT NOT NULL,
    server TEXT NOT NULL,
    definitions INTEGER NOT NULL,
    tokens INTEGER NOT NULL,
    PRIMARY KEY (day, server)
) WITHOUT ROWID;

-- Commands `mcpwatch scan` may start without asking again, by a SHA-256 of all that is started.
CREATE TABLE started_commands (
    fingerprint TEXT PRIMARY KEY,
    server TEXT NOT NULL,
    utc INTEGER NOT NULL
) WITHOUT ROWID;

-- The gateway that serves HTTP servers here, if one does. One row.
CREATE TABLE gateway (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    word TEXT NOT NULL DEFAULT '', -- random, of the gateway that has it; '': none
    pid INTEGER NOT NULL DEFAULT 0,
    host TEXT NOT NULL DEFAULT '',
    port INTEGER NOT NULL DEFAULT 0,
    log TEXT NOT NULL DEFAULT '', -- path of the file it writes its log to; '': its own stderr
    started_utc INTEGER NOT NULL DEFAULT 0
);
INSERT INTO gateway (id) VALUES (1);
