-- A store of version 2 as text: schema and rows as they were written then. Never changed.
PRAGMA foreign_keys = OFF;
PRAGMA auto_vacuum = INCREMENTAL;
BEGIN TRANSACTION;
CREATE TABLE claim (
    id     INTEGER PRIMARY KEY CHECK (id = 1),
    fence  INTEGER NOT NULL,
    holder TEXT,
    until  INTEGER
);
INSERT INTO claim VALUES(1,1,'the one before',1790000060123456789);
CREATE TABLE source (
    name   TEXT PRIMARY KEY,
    record TEXT NOT NULL
);
INSERT INTO source VALUES('s','{"name":"s","url":"ssh://git.example.org/x.git","revision":{"id":"abc","reference":"refs/heads/main","subject":"a subject","author":"A <a@example.org>","at":"2026-09-21T14:12:20.123456789Z","signer":"a key"},"resources":2,"targets":3,"verdict":{"state":"held","revision":{"id":"abd","reference":"refs/heads/main","subject":"a subject","author":"A <a@example.org>","at":"2026-09-21T14:12:20.123456789Z","signer":"a key"},"reasons":["too much"]},"checkedAt":"2026-09-21T14:13:29.123456789Z","since":"2026-09-21T14:13:28.123456789Z"}');
CREATE TABLE snapshot (
    source   TEXT PRIMARY KEY,
    revision TEXT NOT NULL
);
INSERT INTO snapshot VALUES('s','{"id":"abc","reference":"refs/heads/main","subject":"a subject","author":"A <a@example.org>","at":"2026-09-21T14:12:20.123456789Z","signer":"a key"}');
CREATE TABLE snapshot_file (
    id     INTEGER PRIMARY KEY,
    source TEXT NOT NULL REFERENCES snapshot (source) ON DELETE CASCADE,
    part   TEXT NOT NULL,
    path   TEXT NOT NULL,
    bytes  BLOB NOT NULL
);
INSERT INTO snapshot_file VALUES(1,'s','manifest','z.yaml',X'6b696e643a205a0a');
INSERT INTO snapshot_file VALUES(2,'s','manifest','a.yaml',X'');
INSERT INTO snapshot_file VALUES(3,'s','values','values/b.yaml',X'616263');
INSERT INTO snapshot_file VALUES(4,'s','values','values/a.yaml',X'613a20310a');
INSERT INTO snapshot_file VALUES(5,'s','attachment','secrets/key.age',X'00ff0d0a00');
CREATE TABLE resource (
    source TEXT NOT NULL,
    target TEXT NOT NULL,
    kind   TEXT NOT NULL,
    name   TEXT NOT NULL,
    record TEXT NOT NULL,
    PRIMARY KEY (source, target, kind, name)
);
INSERT INTO resource VALUES('s','t','K','x','{"source":"s","target":"t","kind":"K","name":"x","object":"tank/x","location":{"file":"hosts/a.yaml","line":7,"column":3},"observedGeneration":1,"digest":"digest-1","fulfilled":"digest-0","lastAttemptedRevision":"abc","lastAppliedRevision":"abb","conditions":[{"type":"Ready","status":"True","reason":"InSync","message":"generation 1 of ''it'' \"is\" — schön\n"}],"intent":"corrective","observedAt":"2026-09-21T14:13:21.123456789Z","since":"2026-09-21T14:13:20.123456789Z","failures":2,"next":"2026-09-21T14:18:20.123456789Z","corrections":{"atime":["2026-09-21T14:13:25.123456789Z","2026-09-21T14:13:26.123456789Z"]}}');
INSERT INTO resource VALUES('s','t','K','y','{"source":"s","target":"t","kind":"K","name":"y","object":"tank/y","location":{"file":"hosts/a.yaml","line":7,"column":3},"observedGeneration":2,"digest":"digest-2","fulfilled":"digest-0","lastAttemptedRevision":"abc","lastAppliedRevision":"abb","conditions":[{"type":"Ready","status":"True","reason":"InSync","message":"generation 2 of ''it'' \"is\" — schön\n"}],"intent":"corrective","observedAt":"2026-09-21T14:13:21.123456789Z","since":"2026-09-21T14:13:20.123456789Z","failures":2,"next":"2026-09-21T14:18:20.123456789Z","corrections":{"atime":["2026-09-21T14:13:25.123456789Z","2026-09-21T14:13:26.123456789Z"]}}');
CREATE TABLE inventory (
    source TEXT NOT NULL,
    target TEXT NOT NULL,
    kind   TEXT NOT NULL,
    name   TEXT NOT NULL,
    record TEXT NOT NULL,
    PRIMARY KEY (source, target, kind, name)
);
INSERT INTO inventory VALUES('s','t','K','x','{"source":"s","target":"t","kind":"K","name":"x","object":"tank/x","since":"2026-09-21T14:13:22.123456789Z","state":"managed"}');
INSERT INTO inventory VALUES('s','t','K','y','{"source":"s","target":"t","kind":"K","name":"y","object":"tank/y","since":"2026-09-21T14:13:22.123456789Z","state":"leaving","leavingSince":"2026-09-21T14:13:24.123456789Z","message":"still busy"}');
CREATE TABLE run (
    id       INTEGER PRIMARY KEY AUTOINCREMENT,
    source   TEXT NOT NULL,
    target   TEXT NOT NULL,
    finished INTEGER,
    running  INTEGER NOT NULL,
    record   TEXT NOT NULL
);
INSERT INTO run VALUES(1,'s','t',1790000002123456789,0,'{"id":1,"source":"s","target":"t","trigger":"push","by":"ops","revision":"abc","started":"2026-09-21T14:13:21.123456789Z","finished":"2026-09-21T14:13:22.123456789Z","state":"failed","entries":[{"id":{"target":"t","kind":"K","name":"x"},"object":"tank/x","intent":"intentional","action":"update","verdict":{"state":"failed","message":"busy","hint":"wait"}}],"commands":[{"target":"t","command":"zfs set a=b tank/x","exit":1}],"summary":{"unchanged":0,"applied":0,"held":0,"skipped":0,"stale":0,"drifted":0,"failed":1,"unknown":0,"notStarted":0,"commands":1}}');
INSERT INTO run VALUES(2,'s','t',NULL,1,'{"id":0,"source":"s","target":"t","trigger":"push","by":"ops","revision":"abc","started":"2026-09-21T14:13:25.123456789Z","state":"running","summary":{"unchanged":0,"applied":0,"held":0,"skipped":0,"stale":0,"drifted":0,"failed":0,"unknown":0,"notStarted":0,"commands":0}}');
CREATE TABLE run_entry (
    run  INTEGER NOT NULL REFERENCES run (id) ON DELETE CASCADE,
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    PRIMARY KEY (run, kind, name)
) WITHOUT ROWID;
INSERT INTO run_entry VALUES(1,'K','x');
CREATE TABLE journal (
    id      INTEGER PRIMARY KEY,
    run     INTEGER NOT NULL REFERENCES run (id) ON DELETE CASCADE,
    target  TEXT NOT NULL,
    command TEXT NOT NULL,
    at      INTEGER NOT NULL
);
INSERT INTO journal VALUES(1,1,'t','zfs set atime=off tank/x',1790000001123456789);
CREATE TABLE subject (
    id     INTEGER PRIMARY KEY,
    source TEXT NOT NULL,
    target TEXT NOT NULL,
    kind   TEXT NOT NULL,
    name   TEXT NOT NULL,
    gone   INTEGER,
    UNIQUE (source, target, kind, name)
);
INSERT INTO subject VALUES(1,'s','t','K','x',NULL);
INSERT INTO subject VALUES(2,'s','t','K','y',NULL);
CREATE TABLE observation (
    id      INTEGER PRIMARY KEY,
    subject INTEGER NOT NULL REFERENCES subject (id) ON DELETE CASCADE,
    at      INTEGER NOT NULL,
    object  TEXT NOT NULL,
    state   TEXT,
    UNIQUE (subject, at)
);
INSERT INTO observation VALUES(1,1,1790000001123456789,'tank/x','{"quota":1,"set":{"atime":"off","nothing":null}}');
INSERT INTO observation VALUES(2,2,1790000002123456789,'tank/y',NULL);
CREATE TABLE event (
    seq    INTEGER PRIMARY KEY AUTOINCREMENT,
    at     INTEGER NOT NULL,
    source TEXT,
    target TEXT,
    kind   TEXT,
    name   TEXT,
    record TEXT NOT NULL
);
INSERT INTO event VALUES(1,1790000003123456789,NULL,NULL,NULL,NULL,'{"at":"2026-09-21T14:13:23.123456789Z","weight":"warning","reason":"DriftFound","message":"somebody was here","revision":"abc","run":12}');
INSERT INTO event VALUES(2,1790000004123456789,'s','t','K','x','{"at":"2026-09-21T14:13:24.123456789Z","weight":"warning","reason":"DriftFound","message":"somebody was here","source":"s","target":"t","kind":"K","name":"x","revision":"abc","run":12}');
CREATE TABLE audit (
    seq    INTEGER PRIMARY KEY,
    at     INTEGER NOT NULL,
    record TEXT NOT NULL,
    hash   TEXT NOT NULL
);
INSERT INTO audit VALUES(1,1790000001123456789,'{"seq":1,"at":"2026-09-21T14:13:21.123456789Z","what":"command","command":"zfs set atime=off tank/x","source":"s","target":"t","run":1,"revision":"abc","trigger":"push","by":"ops","about":[{"target":"t","kind":"K","name":"n","object":"tank/n","location":{"file":"hosts/a.yaml","line":7,"column":3},"action":"update","intent":"corrective","fields":[["properties","com.example:x"]]}]}','dae5584d43dc85a3c179f22cd63c01644b3c2563a56ed5b19a8919374d51a9c0');
INSERT INTO audit VALUES(2,1790000004123456789,'{"seq":2,"at":"2026-09-21T14:13:24.123456789Z","what":"asked","filter":{"source":null,"target":null,"kind":null,"name":null},"by":"kim"}','862bcdc3f9d4e957ad6bfa0b745c4ed4f0e52481c5d5a74c1fff8c1ab9474385');
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
CREATE TABLE notified (
    notifier TEXT PRIMARY KEY,
    seq      INTEGER NOT NULL,
    record   TEXT NOT NULL
);
DELETE FROM sqlite_sequence;
INSERT INTO sqlite_sequence VALUES('run',2);
INSERT INTO sqlite_sequence VALUES('event',2);
CREATE INDEX snapshot_file_source ON snapshot_file (source, id);
CREATE INDEX resource_target ON resource (target, kind, name);
CREATE INDEX run_source ON run (source, id);
CREATE INDEX run_target ON run (target, id);
CREATE INDEX run_finished ON run (finished);
CREATE INDEX run_running ON run (id) WHERE running = 1;
CREATE INDEX run_entry_name ON run_entry (name, kind, run);
CREATE INDEX journal_run ON journal (run, id);
CREATE INDEX subject_target ON subject (target, kind, name);
CREATE INDEX event_at ON event (at);
CREATE INDEX event_source ON event (source, seq);
CREATE INDEX event_target ON event (target, seq);
CREATE INDEX event_kind ON event (kind, seq);
CREATE INDEX event_name ON event (name, seq);
CREATE INDEX audit_at ON audit (at);
CREATE INDEX approval_ended ON approval (ended);
COMMIT;
PRAGMA application_id = 1165380460;
PRAGMA user_version = 2;
