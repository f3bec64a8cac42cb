-- Version 1. One table per kind of row; only the engine writes them. A person reads the views below.
--
-- stamp    which attempt wrote the row        owner    the account it belongs to, when there is one
-- epoch    how often it was raised            expires  UTC milliseconds from when a purge may remove it
-- record   version, CBOR and checksum: what the row says, for the engine alone

CREATE TABLE login (key TEXT NOT NULL PRIMARY KEY, stamp BLOB NOT NULL, epoch INTEGER NOT NULL, owner BLOB, expires INTEGER, record BLOB NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE account (key BLOB NOT NULL PRIMARY KEY, stamp BLOB NOT NULL, epoch INTEGER NOT NULL, owner BLOB, expires INTEGER, record BLOB NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE active (key BLOB NOT NULL PRIMARY KEY, stamp BLOB NOT NULL, epoch INTEGER NOT NULL, owner BLOB, expires INTEGER, record BLOB NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE credential (key BLOB NOT NULL PRIMARY KEY, stamp BLOB NOT NULL, epoch INTEGER NOT NULL, owner BLOB, expires INTEGER, record BLOB NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE attempts (key BLOB NOT NULL PRIMARY KEY, stamp BLOB NOT NULL, epoch INTEGER NOT NULL, owner BLOB, expires INTEGER, record BLOB NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE throttle (key BLOB NOT NULL PRIMARY KEY, stamp BLOB NOT NULL, epoch INTEGER NOT NULL, owner BLOB, expires INTEGER, record BLOB NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE session (key BLOB NOT NULL PRIMARY KEY, stamp BLOB NOT NULL, epoch INTEGER NOT NULL, owner BLOB, expires INTEGER, record BLOB NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE keyring (key BLOB NOT NULL PRIMARY KEY, stamp BLOB NOT NULL, epoch INTEGER NOT NULL, owner BLOB, expires INTEGER, record BLOB NOT NULL) STRICT, WITHOUT ROWID;

-- The scans by owner that are asked for; of any other kind an owner has one row.
CREATE INDEX login_owner ON login (owner) WHERE owner IS NOT NULL;
CREATE INDEX session_owner ON session (owner) WHERE owner IS NOT NULL;

-- What a purge walks over. Empty for the kinds that do not expire.
CREATE INDEX login_expires ON login (expires) WHERE expires IS NOT NULL;
CREATE INDEX account_expires ON account (expires) WHERE expires IS NOT NULL;
CREATE INDEX active_expires ON active (expires) WHERE expires IS NOT NULL;
CREATE INDEX credential_expires ON credential (expires) WHERE expires IS NOT NULL;
CREATE INDEX attempts_expires ON attempts (expires) WHERE expires IS NOT NULL;
CREATE INDEX throttle_expires ON throttle (expires) WHERE expires IS NOT NULL;
CREATE INDEX session_expires ON session (expires) WHERE expires IS NOT NULL;
CREATE INDEX keyring_expires ON keyring (expires) WHERE expires IS NOT NULL;

-- What was granted and is no more, in commit order. AUTOINCREMENT: a number that was seen is never given again.
-- kind: 1 a session, 2 what an account was granted below `floor`, 3 what anybody was. No floor: everything.
CREATE TABLE journal (
  cursor  INTEGER PRIMARY KEY AUTOINCREMENT,
  kind    INTEGER NOT NULL,
  subject BLOB,
  floor   INTEGER,
  until   INTEGER NOT NULL
) STRICT;
CREATE INDEX journal_until ON journal (until);

-- barrier: a counter that is raised only to have something to write durably.
CREATE TABLE meta (name TEXT NOT NULL PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT ROWID;
INSERT INTO meta (name, value) VALUES ('barrier', 0);

CREATE VIEW logins AS
  SELECT key AS name, lower(hex(owner)) AS account FROM login;
CREATE VIEW accounts AS
  SELECT lower(hex(a.key)) AS account, a.epoch AS epoch,
         EXISTS (SELECT 1 FROM active WHERE active.key = a.key) AS may_log_in,
         (SELECT count(*) FROM session WHERE session.owner = a.key) AS sessions
  FROM account AS a;
CREATE VIEW sessions AS
  SELECT lower(hex(key)) AS session, lower(hex(owner)) AS account,
         strftime('%Y-%m-%dT%H:%M:%SZ', expires / 1000, 'unixepoch') AS expires
  FROM session;
CREATE VIEW throttles AS
  SELECT lower(hex(key)) AS name_hash, strftime('%Y-%m-%dT%H:%M:%SZ', expires / 1000, 'unixepoch') AS expires
  FROM throttle;
CREATE VIEW journal_entries AS
  SELECT cursor, CASE kind WHEN 1 THEN 'session' WHEN 2 THEN 'account' WHEN 3 THEN 'everything' END AS ended,
         lower(hex(subject)) AS subject, floor AS below_epoch,
         strftime('%Y-%m-%dT%H:%M:%SZ', until / 1000, 'unixepoch') AS until
  FROM journal;
