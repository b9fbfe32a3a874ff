-- The audit log: a chain that is only ever added to, and never forgotten. `record` is the entry as the hash was made over
-- it, byte for byte; `hash` is SHA-256 of the hash before, a line feed and `record`, as hexadecimal digits.
CREATE TABLE audit (
    seq    INTEGER PRIMARY KEY,
    at     INTEGER NOT NULL,
    record TEXT NOT NULL,
    hash   TEXT NOT NULL
);
CREATE INDEX audit_at ON audit (at);

-- Changes that are held and that a person may let through, each from when it was first seen (`since`) until it is over
-- (`ended`). What is over and was never decided is removed.
CREATE TABLE approval (
    id     INTEGER PRIMARY KEY AUTOINCREMENT,
    source TEXT NOT NULL,
    target TEXT NOT NULL,
    kind   TEXT NOT NULL,
    name   TEXT NOT NULL,
    plan   TEXT NOT NULL,
    since  INTEGER NOT NULL,
    ended  INTEGER,
    record TEXT NOT NULL,
    UNIQUE (source, target, kind, name, plan, since)
);
CREATE INDEX approval_ended ON approval (ended);

-- The last event that each notifier was told of, and what else it remembers.
CREATE TABLE notified (
    notifier TEXT PRIMARY KEY,
    seq      INTEGER NOT NULL,
    record   TEXT NOT NULL
);
