-- Version 3. What sessions granted in tokens; columns as in version 1. The journal gets a kind:
-- 4 a grant: one access token, or a family of refresh tokens and all that came of it.

CREATE TABLE grants (key BLOB NOT NULL PRIMARY KEY, stamp BLOB NOT NULL, epoch INTEGER NOT NULL, owner BLOB, expires INTEGER, record BLOB NOT NULL) STRICT, WITHOUT ROWID;

-- The fourth scan by owner: a deletion's.
CREATE INDEX grants_owner ON grants (owner) WHERE owner IS NOT NULL;

CREATE INDEX grants_expires ON grants (expires) WHERE expires IS NOT NULL;

CREATE VIEW session_grants AS
  SELECT lower(hex(key)) AS session, CASE WHEN owner IS NOT NULL THEN lower(hex(owner)) END AS account,
         strftime('%Y-%m-%dT%H:%M:%SZ', expires / 1000, 'unixepoch') AS expires
  FROM grants;
DROP VIEW journal_entries;
CREATE VIEW journal_entries AS
  SELECT cursor,
         CASE kind WHEN 1 THEN 'session' WHEN 2 THEN 'account' WHEN 3 THEN 'everything' WHEN 4 THEN 'grant' END AS ended,
         lower(hex(subject)) AS subject, floor AS below_epoch,
         strftime('%Y-%m-%dT%H:%M:%SZ', until / 1000, 'unixepoch') AS until
  FROM journal;
