-- Version 2. Host data, known devices, deletions under way, and the latest time seen; columns as in version 1.

CREATE TABLE data (key BLOB NOT NULL PRIMARY KEY, stamp BLOB NOT NULL, epoch INTEGER NOT NULL, owner BLOB, expires INTEGER, record BLOB NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE devices (key BLOB NOT NULL PRIMARY KEY, stamp BLOB NOT NULL, epoch INTEGER NOT NULL, owner BLOB, expires INTEGER, record BLOB NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE deletion (key BLOB NOT NULL PRIMARY KEY, stamp BLOB NOT NULL, epoch INTEGER NOT NULL, owner BLOB, expires INTEGER, record BLOB NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE clock (key BLOB NOT NULL PRIMARY KEY, stamp BLOB NOT NULL, epoch INTEGER NOT NULL, owner BLOB, expires INTEGER, record BLOB NOT NULL) STRICT, WITHOUT ROWID;

-- The third scan by owner: a deletion's.
CREATE INDEX data_owner ON data (owner) WHERE owner IS NOT NULL;

CREATE INDEX data_expires ON data (expires) WHERE expires IS NOT NULL;
CREATE INDEX devices_expires ON devices (expires) WHERE expires IS NOT NULL;
CREATE INDEX deletion_expires ON deletion (expires) WHERE expires IS NOT NULL;
CREATE INDEX clock_expires ON clock (expires) WHERE expires IS NOT NULL;

-- A session may be anybody's: without an account.
DROP VIEW sessions;
CREATE VIEW sessions AS
  SELECT lower(hex(key)) AS session, CASE WHEN owner IS NOT NULL THEN lower(hex(owner)) END AS account,
         strftime('%Y-%m-%dT%H:%M:%SZ', expires / 1000, 'unixepoch') AS expires
  FROM session;
CREATE VIEW host_data AS
  SELECT lower(hex(key)) AS session, length(record) AS bytes FROM data;
CREATE VIEW deletions AS
  SELECT lower(hex(key)) AS account FROM deletion;
