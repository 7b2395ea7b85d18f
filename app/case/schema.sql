-- The read model of a case: disposable, rebuilt from the custody log and the clouds. One writer, the agent.
-- Screens and verbs open it read-only. It never holds a secret.
CREATE TABLE IF NOT EXISTS revision (topic TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS fact (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;  -- JSON values
CREATE TABLE IF NOT EXISTS account (
  cloud TEXT NOT NULL, id TEXT NOT NULL, position INTEGER NOT NULL, body TEXT NOT NULL,
  PRIMARY KEY (cloud, id)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS scan (
  cloud TEXT NOT NULL, account TEXT NOT NULL, region TEXT NOT NULL,
  state TEXT NOT NULL, found INTEGER NOT NULL, error TEXT, at TEXT NOT NULL, good TEXT,
  PRIMARY KEY (cloud, account, region)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS resource (
  row INTEGER PRIMARY KEY AUTOINCREMENT,  -- of this resource as long as it is there, and of no other after it
  cloud TEXT NOT NULL, account TEXT NOT NULL, region TEXT NOT NULL, kind TEXT NOT NULL, id TEXT NOT NULL,
  scan TEXT NOT NULL, body TEXT NOT NULL,
  UNIQUE (cloud, account, region, kind, id));
-- What lists order and filter by, apart from the bodies so that a scan of it is short; see inventory_rows.py.
CREATE TABLE IF NOT EXISTS listing (
  row INTEGER PRIMARY KEY, place TEXT NOT NULL, parent INTEGER, owner TEXT NOT NULL, region TEXT NOT NULL,
  kind TEXT NOT NULL, id TEXT NOT NULL, name TEXT NOT NULL, state TEXT NOT NULL, size INTEGER,
  eligible INTEGER NOT NULL, holder TEXT, device TEXT NOT NULL, tags TEXT NOT NULL, words TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS listing_place ON listing (place, parent);
CREATE INDEX IF NOT EXISTS listing_owner ON listing (owner, eligible);
CREATE INDEX IF NOT EXISTS listing_holder ON listing (owner, holder, region) WHERE holder IS NOT NULL;
CREATE TABLE IF NOT EXISTS lease (id TEXT PRIMARY KEY, body TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS acquisition (id TEXT PRIMARY KEY, body TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS step (
  acquisition TEXT NOT NULL, id TEXT NOT NULL, position INTEGER NOT NULL, body TEXT NOT NULL,
  PRIMARY KEY (acquisition, id)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS item (id TEXT PRIMARY KEY, body TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS evidence_check (item TEXT PRIMARY KEY, body TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS guide (id TEXT PRIMARY KEY, body TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS event (
  line INTEGER PRIMARY KEY, seq INTEGER, ts TEXT, op TEXT, phase TEXT, actor TEXT, acq TEXT, item TEXT, lease TEXT,
  summary TEXT, body TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS event_acq ON event (acq, line);
CREATE INDEX IF NOT EXISTS event_item ON event (item, line) WHERE item IS NOT NULL;
