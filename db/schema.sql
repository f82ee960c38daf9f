-- schema.sql - what futured keeps in state.db, as the numbered steps that made it so.
--
-- The only description of the schema: the build turns it into the table in schema.c. A step, once
-- released, is never edited; a change is a new "-- step N" at the end. Each step runs in a transaction
-- of its own, and PRAGMA user_version says which was the last.
--
-- Ids are UUIDv7: 16 bytes, in order of creation. Times (_at_ms, _ms) are milliseconds since the epoch,
-- 0 for "none". To look at a database that no daemon has open, read the views future_list and event_list.

-- step 1

-- "epoch": the database's random name. An event number means something together with it only.
CREATE TABLE meta (
	name  TEXT PRIMARY KEY,
	value ANY NOT NULL
) STRICT, WITHOUT ROWID;

INSERT INTO meta (name, value) VALUES ('epoch', randomblob(16));

-- Rewritten at every poll, so everything that is long or constant is in a table of its own. The first
-- eight columns never change.
CREATE TABLE futures (
	id                   BLOB    PRIMARY KEY CHECK (length(id) = 16),
	uid                  INTEGER NOT NULL,
	gid                  INTEGER NOT NULL,
	mode                 INTEGER NOT NULL,
	kind                 INTEGER NOT NULL,                  -- 0 http
	profile              TEXT,
	key                  TEXT,                              -- given by the creator, unique per uid
	created_at_ms        INTEGER NOT NULL,

	state                INTEGER NOT NULL CHECK (state BETWEEN 0 AND 4), -- pending running succeeded failed cancelled
	phase                INTEGER NOT NULL CHECK (phase BETWEEN 0 AND 2), -- submit submitting poll
	seq                  INTEGER NOT NULL,                  -- of its last event
	started_at_ms        INTEGER NOT NULL,
	finished_at_ms       INTEGER NOT NULL,
	ttl_ms               INTEGER NOT NULL,                  -- kept that long after the end; -1 for ever
	expires_at_ms        INTEGER NOT NULL,
	keep_until_delivered INTEGER NOT NULL CHECK (keep_until_delivered IN (0, 1)),
	deadline_at_ms       INTEGER NOT NULL,
	next_at_ms           INTEGER NOT NULL,                  -- the next request is due
	polling_delay_usec   INTEGER NOT NULL,
	retry_delay_usec     INTEGER NOT NULL,
	retry_since_ms       INTEGER NOT NULL,
	requests             INTEGER NOT NULL,                  -- sent in all
	attempts             INTEGER NOT NULL,                  -- failed in a row
	unreachable_since_ms INTEGER NOT NULL,
	last_error           TEXT,
	cancel_requested     INTEGER NOT NULL CHECK (cancel_requested IN (0, 1)),
	idempotency          TEXT,                              -- the one value of every submit attempt
	captured             TEXT,                              -- JSON object
	progress             TEXT,                              -- JSON
	error_kind           TEXT,
	error_message        TEXT,
	error_code           TEXT,
	error_http_status    INTEGER NOT NULL,                  -- 0 none
	content_type         TEXT,                              -- of the result
	result_size          INTEGER NOT NULL                   -- bytes; -1 no result
) STRICT, WITHOUT ROWID;

CREATE UNIQUE INDEX futures_by_key ON futures (uid, key) WHERE key IS NOT NULL;

CREATE TABLE labels (
	id    BLOB NOT NULL REFERENCES futures (id) ON DELETE CASCADE,
	name  TEXT NOT NULL,
	value TEXT NOT NULL,
	PRIMARY KEY (id, name)
) STRICT, WITHOUT ROWID;

-- What a future was made from. This table and the next two have a rowid: their rows are long, and a part
-- of a long value can be read by rowid only.
CREATE TABLE texts (
	id      BLOB PRIMARY KEY REFERENCES futures (id) ON DELETE CASCADE,
	spec    TEXT,                                           -- JSON, the profile merged in
	params  TEXT,                                           -- JSON object
	request TEXT                                            -- JSON, what the creator asked for
) STRICT;

CREATE TABLE results (
	id   BLOB PRIMARY KEY REFERENCES futures (id) ON DELETE CASCADE,
	data BLOB NOT NULL
) STRICT;

CREATE TABLE error_details (
	id   BLOB PRIMARY KEY REFERENCES futures (id) ON DELETE CASCADE,
	data BLOB NOT NULL
) STRICT;

-- The newest part of what happened. A row outlives its future.
CREATE TABLE events (
	seq   INTEGER PRIMARY KEY CHECK (seq > 0),
	at_ms INTEGER NOT NULL,
	id    BLOB    NOT NULL CHECK (length(id) = 16),
	uid   INTEGER NOT NULL,
	gid   INTEGER NOT NULL,
	mode  INTEGER NOT NULL,
	event INTEGER NOT NULL CHECK (event BETWEEN 0 AND 3),   -- created changed progress forgotten
	state INTEGER NOT NULL CHECK (state BETWEEN 0 AND 4)
) STRICT;

-- For people. The daemon does not read these.
CREATE VIEW future_list AS
SELECT lower(substr(hex(id), 1, 8) || '-' || substr(hex(id), 9, 4) || '-' || substr(hex(id), 13, 4) || '-' ||
             substr(hex(id), 17, 4) || '-' || substr(hex(id), 21)) AS id,
       CASE state WHEN 0 THEN 'pending' WHEN 1 THEN 'running' WHEN 2 THEN 'succeeded'
                  WHEN 3 THEN 'failed' ELSE 'cancelled' END AS state,
       CASE phase WHEN 0 THEN 'submit' WHEN 1 THEN 'submitting' ELSE 'poll' END AS phase,
       uid, printf('%04o', mode) AS mode, profile, key,
       datetime(created_at_ms / 1000, 'unixepoch') AS created,
       datetime(nullif(finished_at_ms, 0) / 1000, 'unixepoch') AS finished,
       datetime(nullif(next_at_ms, 0) / 1000, 'unixepoch') AS next_request,
       requests, attempts, last_error, error_kind, error_message,
       nullif(result_size, -1) AS result_size
FROM futures;

CREATE VIEW event_list AS
SELECT seq, datetime(at_ms / 1000, 'unixepoch') AS at,
       lower(substr(hex(id), 1, 8) || '-' || substr(hex(id), 9, 4) || '-' || substr(hex(id), 13, 4) || '-' ||
             substr(hex(id), 17, 4) || '-' || substr(hex(id), 21)) AS id,
       CASE event WHEN 0 THEN 'created' WHEN 1 THEN 'changed' WHEN 2 THEN 'progress' ELSE 'forgotten' END AS event,
       CASE state WHEN 0 THEN 'pending' WHEN 1 THEN 'running' WHEN 2 THEN 'succeeded'
                  WHEN 3 THEN 'failed' ELSE 'cancelled' END AS state,
       uid
FROM events;

-- step 2

-- Two more phases of a live future and of one that is over, what rules have used up, large results in files of
-- their own, pauses that outlive the daemon.
DROP VIEW future_list;
DROP VIEW event_list;

CREATE TABLE futures_new (
	id                   BLOB    PRIMARY KEY CHECK (length(id) = 16),
	uid                  INTEGER NOT NULL,
	gid                  INTEGER NOT NULL,
	mode                 INTEGER NOT NULL,
	kind                 INTEGER NOT NULL,                  -- 0 http
	profile              TEXT,
	key                  TEXT,                              -- given by the creator, unique per uid
	created_at_ms        INTEGER NOT NULL,

	state                INTEGER NOT NULL CHECK (state BETWEEN 0 AND 4), -- pending running succeeded failed cancelled
	phase                INTEGER NOT NULL CHECK (phase BETWEEN 0 AND 5), -- submit submitting poll fetch ack acked
	seq                  INTEGER NOT NULL,                  -- of its last event
	started_at_ms        INTEGER NOT NULL,
	finished_at_ms       INTEGER NOT NULL,
	ttl_ms               INTEGER NOT NULL,                  -- kept that long after the end; -1 for ever
	expires_at_ms        INTEGER NOT NULL,
	keep_until_delivered INTEGER NOT NULL CHECK (keep_until_delivered IN (0, 1)),
	deadline_at_ms       INTEGER NOT NULL,
	next_at_ms           INTEGER NOT NULL,                  -- the next request is due
	polling_delay_usec   INTEGER NOT NULL,
	retry_delay_usec     INTEGER NOT NULL,
	retry_since_ms       INTEGER NOT NULL,
	requests             INTEGER NOT NULL,                  -- sent in all
	attempts             INTEGER NOT NULL,                  -- failed in a row
	unreachable_since_ms INTEGER NOT NULL,
	last_error           TEXT,
	cancel_requested     INTEGER NOT NULL CHECK (cancel_requested IN (0, 1)),
	idempotency          TEXT,                              -- the one value of every submit attempt
	captured             TEXT,                              -- JSON object
	budgets              TEXT,                              -- JSON object
	progress             TEXT,                              -- JSON
	error_kind           TEXT,
	error_message        TEXT,
	error_code           TEXT,
	error_http_status    INTEGER NOT NULL,                  -- 0 none
	content_type         TEXT,                              -- of the result
	result_size          INTEGER NOT NULL                   -- bytes; -1 no result
) STRICT, WITHOUT ROWID;

INSERT INTO futures_new (
       id, uid, gid, mode, kind, profile, key, created_at_ms, state, phase, seq, started_at_ms, finished_at_ms,
       ttl_ms, expires_at_ms, keep_until_delivered, deadline_at_ms, next_at_ms, polling_delay_usec,
       retry_delay_usec, retry_since_ms, requests, attempts, unreachable_since_ms, last_error,
       cancel_requested, idempotency, captured, progress, error_kind, error_message, error_code,
       error_http_status, content_type, result_size)
SELECT id, uid, gid, mode, kind, profile, key, created_at_ms, state, phase, seq, started_at_ms, finished_at_ms,
       ttl_ms, expires_at_ms, keep_until_delivered, deadline_at_ms, next_at_ms, polling_delay_usec,
       retry_delay_usec, retry_since_ms, requests, attempts, unreachable_since_ms, last_error,
       cancel_requested, idempotency, captured, progress, error_kind, error_message, error_code,
       error_http_status, content_type, result_size
FROM futures;

DROP TABLE futures;
ALTER TABLE futures_new RENAME TO futures;
CREATE UNIQUE INDEX futures_by_key ON futures (uid, key) WHERE key IS NOT NULL;

-- 1: data is empty, the bytes are in the file results/ID.
ALTER TABLE results ADD COLUMN side INTEGER NOT NULL DEFAULT 0 CHECK (side IN (0, 1));
CREATE INDEX results_aside ON results (id) WHERE side = 1;

-- A service asked for a pause of all requests of one user with one credential.
CREATE TABLE pauses (
	uid      INTEGER NOT NULL,
	bucket   TEXT    NOT NULL,
	until_ms INTEGER NOT NULL,
	PRIMARY KEY (uid, bucket)
) STRICT, WITHOUT ROWID;

-- For people. The daemon does not read these.
CREATE VIEW future_list AS
SELECT lower(substr(hex(id), 1, 8) || '-' || substr(hex(id), 9, 4) || '-' || substr(hex(id), 13, 4) || '-' ||
             substr(hex(id), 17, 4) || '-' || substr(hex(id), 21)) AS id,
       CASE state WHEN 0 THEN 'pending' WHEN 1 THEN 'running' WHEN 2 THEN 'succeeded'
                  WHEN 3 THEN 'failed' ELSE 'cancelled' END AS state,
       CASE phase WHEN 0 THEN 'submit' WHEN 1 THEN 'submitting' WHEN 2 THEN 'poll' WHEN 3 THEN 'fetch'
                  WHEN 4 THEN 'ack' ELSE 'acked' END AS phase,
       uid, printf('%04o', mode) AS mode, profile, key,
       datetime(created_at_ms / 1000, 'unixepoch') AS created,
       datetime(nullif(finished_at_ms, 0) / 1000, 'unixepoch') AS finished,
       datetime(nullif(next_at_ms, 0) / 1000, 'unixepoch') AS next_request,
       requests, attempts, last_error, error_kind, error_message,
       nullif(result_size, -1) AS result_size
FROM futures;

CREATE VIEW event_list AS
SELECT seq, datetime(at_ms / 1000, 'unixepoch') AS at,
       lower(substr(hex(id), 1, 8) || '-' || substr(hex(id), 9, 4) || '-' || substr(hex(id), 13, 4) || '-' ||
             substr(hex(id), 17, 4) || '-' || substr(hex(id), 21)) AS id,
       CASE event WHEN 0 THEN 'created' WHEN 1 THEN 'changed' WHEN 2 THEN 'progress' ELSE 'forgotten' END AS event,
       CASE state WHEN 0 THEN 'pending' WHEN 1 THEN 'running' WHEN 2 THEN 'succeeded'
                  WHEN 3 THEN 'failed' ELSE 'cancelled' END AS state,
       uid
FROM events;

-- step 3

-- Futures without a service, futures that wait for others or for a time, and what may be asked of one: to pause, to
-- be kept. held: it waits for start_at_ms or for its dependencies. claim: what a promise's producer proves itself
-- with; lease_until_ms 0: as long as its connection lives. hops: operations that it went on to.
ALTER TABLE futures ADD COLUMN start_at_ms INTEGER NOT NULL DEFAULT 0;
ALTER TABLE futures ADD COLUMN held INTEGER NOT NULL DEFAULT 0 CHECK (held IN (0, 1));
ALTER TABLE futures ADD COLUMN paused INTEGER NOT NULL DEFAULT 0 CHECK (paused IN (0, 1));
ALTER TABLE futures ADD COLUMN pinned INTEGER NOT NULL DEFAULT 0 CHECK (pinned IN (0, 1));
ALTER TABLE futures ADD COLUMN hops INTEGER NOT NULL DEFAULT 0;
ALTER TABLE futures ADD COLUMN claim TEXT;
ALTER TABLE futures ADD COLUMN lease_until_ms INTEGER NOT NULL DEFAULT 0;

-- What a future depends on, or is over, in order. Those may be gone.
CREATE TABLE dependencies (
	id    BLOB    NOT NULL REFERENCES futures (id) ON DELETE CASCADE,
	place INTEGER NOT NULL,
	after BLOB    NOT NULL CHECK (length(after) = 16),
	PRIMARY KEY (id, place),
	UNIQUE (id, after)
) STRICT, WITHOUT ROWID;

-- A user asked that nothing be sent to an origin.
CREATE TABLE stops (
	uid    INTEGER NOT NULL,
	origin TEXT    NOT NULL,
	PRIMARY KEY (uid, origin)
) STRICT, WITHOUT ROWID;

-- One more event: trouble, a request that failed and is tried again.
CREATE TABLE events_new (
	seq   INTEGER PRIMARY KEY CHECK (seq > 0),
	at_ms INTEGER NOT NULL,
	id    BLOB    NOT NULL CHECK (length(id) = 16),
	uid   INTEGER NOT NULL,
	gid   INTEGER NOT NULL,
	mode  INTEGER NOT NULL,
	event INTEGER NOT NULL CHECK (event BETWEEN 0 AND 4),   -- created changed progress forgotten trouble
	state INTEGER NOT NULL CHECK (state BETWEEN 0 AND 4)
) STRICT;

INSERT INTO events_new SELECT * FROM events;

DROP VIEW future_list;
DROP VIEW event_list;
DROP TABLE events;
ALTER TABLE events_new RENAME TO events;

-- For people. The daemon does not read these.
CREATE VIEW future_list AS
SELECT lower(substr(hex(id), 1, 8) || '-' || substr(hex(id), 9, 4) || '-' || substr(hex(id), 13, 4) || '-' ||
             substr(hex(id), 17, 4) || '-' || substr(hex(id), 21)) AS id,
       CASE state WHEN 0 THEN 'pending' WHEN 1 THEN 'running' WHEN 2 THEN 'succeeded'
                  WHEN 3 THEN 'failed' ELSE 'cancelled' END AS state,
       CASE phase WHEN 0 THEN 'submit' WHEN 1 THEN 'submitting' WHEN 2 THEN 'poll' WHEN 3 THEN 'fetch'
                  WHEN 4 THEN 'ack' ELSE 'acked' END AS phase,
       CASE kind WHEN 0 THEN 'http' WHEN 1 THEN 'promise' WHEN 2 THEN 'timer' ELSE 'group' END AS kind,
       held, paused, pinned,
       uid, printf('%04o', mode) AS mode, profile, key,
       datetime(created_at_ms / 1000, 'unixepoch') AS created,
       datetime(nullif(finished_at_ms, 0) / 1000, 'unixepoch') AS finished,
       datetime(nullif(next_at_ms, 0) / 1000, 'unixepoch') AS next_request,
       requests, attempts, last_error, error_kind, error_message,
       nullif(result_size, -1) AS result_size
FROM futures;

CREATE VIEW event_list AS
SELECT seq, datetime(at_ms / 1000, 'unixepoch') AS at,
       lower(substr(hex(id), 1, 8) || '-' || substr(hex(id), 9, 4) || '-' || substr(hex(id), 13, 4) || '-' ||
             substr(hex(id), 17, 4) || '-' || substr(hex(id), 21)) AS id,
       CASE event WHEN 0 THEN 'created' WHEN 1 THEN 'changed' WHEN 2 THEN 'progress'
                  WHEN 3 THEN 'forgotten' ELSE 'trouble' END AS event,
       CASE state WHEN 0 THEN 'pending' WHEN 1 THEN 'running' WHEN 2 THEN 'succeeded'
                  WHEN 3 THEN 'failed' ELSE 'cancelled' END AS state,
       uid
FROM events;
