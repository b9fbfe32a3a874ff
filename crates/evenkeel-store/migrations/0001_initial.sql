-- What is filtered and sorted on stands in columns; the rest of a record is JSON in `record`.
-- Times are whole nanoseconds since 1970, UTC.

-- The right to write: one row. `fence` only ever grows; without a holder nobody writes.
CREATE TABLE claim (
    id     INTEGER PRIMARY KEY CHECK (id = 1),
    fence  INTEGER NOT NULL,
    holder TEXT,
    until  INTEGER
);
INSERT INTO claim (id, fence) VALUES (1, 0);

CREATE TABLE source (
    name   TEXT PRIMARY KEY,
    record TEXT NOT NULL
);

-- The snapshot of each source that is in force, and its files in order. `part` is manifest, values or attachment.
CREATE TABLE snapshot (
    source   TEXT PRIMARY KEY,
    revision TEXT NOT NULL
);
CREATE TABLE snapshot_file (
    id     INTEGER PRIMARY KEY,
    source TEXT NOT NULL REFERENCES snapshot (source) ON DELETE CASCADE,
    part   TEXT NOT NULL,
    path   TEXT NOT NULL,
    bytes  BLOB NOT NULL
);
CREATE INDEX snapshot_file_source ON snapshot_file (source, id);

CREATE TABLE resource (
    source TEXT NOT NULL,
    target TEXT NOT NULL,
    kind   TEXT NOT NULL,
    name   TEXT NOT NULL,
    record TEXT NOT NULL,
    PRIMARY KEY (source, target, kind, name)
);
CREATE INDEX resource_target ON resource (target, kind, name);

CREATE TABLE inventory (
    source TEXT NOT NULL,
    target TEXT NOT NULL,
    kind   TEXT NOT NULL,
    name   TEXT NOT NULL,
    record TEXT NOT NULL,
    PRIMARY KEY (source, target, kind, name)
);

CREATE TABLE run (
    id       INTEGER PRIMARY KEY AUTOINCREMENT,
    source   TEXT NOT NULL,
    target   TEXT NOT NULL,
    finished INTEGER,
    running  INTEGER NOT NULL,
    record   TEXT NOT NULL
);
CREATE INDEX run_source ON run (source, id);
CREATE INDEX run_target ON run (target, id);
CREATE INDEX run_finished ON run (finished);
CREATE INDEX run_running ON run (id) WHERE running = 1;

-- Which resources a run had to do with: for filters only, the entries stand in the run's record.
CREATE TABLE run_entry (
    run  INTEGER NOT NULL REFERENCES run (id) ON DELETE CASCADE,
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    PRIMARY KEY (run, kind, name)
) WITHOUT ROWID;
CREATE INDEX run_entry_name ON run_entry (name, kind, run);

CREATE TABLE journal (
    id      INTEGER PRIMARY KEY,
    run     INTEGER NOT NULL REFERENCES run (id) ON DELETE CASCADE,
    target  TEXT NOT NULL,
    command TEXT NOT NULL,
    at      INTEGER NOT NULL
);
CREATE INDEX journal_run ON journal (run, id);

-- What observations are about. `gone` is when it was first missed in both `resource` and `inventory`.
CREATE TABLE subject (
    id     INTEGER PRIMARY KEY,
    source TEXT NOT NULL,
    target TEXT NOT NULL,
    kind   TEXT NOT NULL,
    name   TEXT NOT NULL,
    gone   INTEGER,
    UNIQUE (source, target, kind, name)
);
CREATE INDEX subject_target ON subject (target, kind, name);

CREATE TABLE observation (
    id      INTEGER PRIMARY KEY,
    subject INTEGER NOT NULL REFERENCES subject (id) ON DELETE CASCADE,
    at      INTEGER NOT NULL,
    object  TEXT NOT NULL,
    state   TEXT,
    UNIQUE (subject, at)
);

CREATE TABLE event (
    seq    INTEGER PRIMARY KEY AUTOINCREMENT,
    at     INTEGER NOT NULL,
    source TEXT,
    target TEXT,
    kind   TEXT,
    name   TEXT,
    record TEXT NOT NULL
);
CREATE INDEX event_at ON event (at);
CREATE INDEX event_source ON event (source, seq);
CREATE INDEX event_target ON event (target, seq);
CREATE INDEX event_kind ON event (kind, seq);
CREATE INDEX event_name ON event (name, seq);
