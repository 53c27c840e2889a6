-- +goose Up

-- When a worker last claimed mails of a digest: one that has lain for long is not
-- sent by itself.
ALTER TABLE digests ADD COLUMN active_at INTEGER NOT NULL DEFAULT 0;

-- Why a worker can't send just now, since when, and when it tries again.
ALTER TABLE workers ADD COLUMN trouble TEXT NOT NULL DEFAULT '';
ALTER TABLE workers ADD COLUMN trouble_since INTEGER NOT NULL DEFAULT 0;
ALTER TABLE workers ADD COLUMN trouble_until INTEGER NOT NULL DEFAULT 0;

-- How many marks and outcomes were recorded: an older copy of the database knows
-- of fewer.
INSERT INTO counters (name, value) VALUES ('recorded', 0);

-- What the indexes of deliveries need stands in columns of its own, so that a mail
-- that goes from claimed to sending touches none of them: next_at says that one
-- waits, owner that a worker has it, open that it may still bring something. The
-- checks avoid IN: for a list of more than two SQLite builds a table for each row.
CREATE TABLE deliveries_new (
  digest_id     INTEGER NOT NULL REFERENCES digests (id) ON DELETE CASCADE,
  subscriber_id INTEGER NOT NULL,
  variant       INTEGER NOT NULL,
  categories    INTEGER NOT NULL,
  base_id       INTEGER NOT NULL,
  target_id     INTEGER NOT NULL,
  state         TEXT NOT NULL DEFAULT 'pending' CHECK (state = 'pending' OR state = 'claimed' OR state = 'sending' OR state = 'sent' OR state = 'deferred' OR state = 'failed' OR state = 'skipped' OR state = 'uncertain'),
  attempts      INTEGER NOT NULL DEFAULT 0,
  next_at       INTEGER NOT NULL DEFAULT 0, -- when it may be claimed; -1 = not to be claimed
  owner         TEXT NOT NULL DEFAULT '',
  open          INTEGER NOT NULL DEFAULT 1,
  email         TEXT NOT NULL DEFAULT '', -- frozen when it is first sent
  message_id    TEXT NOT NULL DEFAULT '',
  code          INTEGER NOT NULL DEFAULT 0,
  reason        TEXT NOT NULL DEFAULT '',
  uncertain_at  INTEGER NOT NULL DEFAULT 0,
  updated_at    INTEGER NOT NULL,
  PRIMARY KEY (digest_id, subscriber_id),
  CHECK ((next_at >= 0) = (state IN ('pending', 'deferred'))),
  CHECK ((owner <> '') = (state IN ('claimed', 'sending'))),
  CHECK ((open = 1) = (state <> 'sent' AND state <> 'failed' AND state <> 'skipped'))
) STRICT, WITHOUT ROWID;
INSERT INTO deliveries_new (digest_id, subscriber_id, variant, categories, base_id, target_id, state, attempts, next_at, owner, open, email, message_id, code, reason, uncertain_at, updated_at)
  SELECT digest_id, subscriber_id, variant, categories, base_id, target_id, state, attempts,
    CASE WHEN state IN ('pending', 'deferred') THEN next_at ELSE -1 END,
    CASE WHEN state IN ('claimed', 'sending') THEN CASE owner WHEN '' THEN '-' ELSE owner END ELSE '' END,
    CASE WHEN state IN ('sent', 'failed', 'skipped') THEN 0 ELSE 1 END,
    email, message_id, code, reason, uncertain_at, updated_at
  FROM deliveries;
DROP TABLE deliveries;
ALTER TABLE deliveries_new RENAME TO deliveries;
CREATE INDEX deliveries_due ON deliveries (digest_id, next_at, variant, subscriber_id) WHERE next_at >= 0;
CREATE INDEX deliveries_owned ON deliveries (owner) WHERE owner <> '';
CREATE INDEX deliveries_open ON deliveries (subscriber_id) WHERE open = 1;

-- Choosing an audience reads every subscriber anyway, and each mail that arrives
-- moved its reader in this index.
DROP INDEX subscribers_audience;
