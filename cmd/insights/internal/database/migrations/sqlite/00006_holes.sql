-- +goose Up

-- How an insight was withdrawn: 0 = its folder no longer shows it, 1 = staff withdrew
-- it at once, 2 = so, and its file has been away since. What says email: false is
-- withdrawn too: no digest may carry it.
ALTER TABLE insights ADD COLUMN withdrawn_how INTEGER NOT NULL DEFAULT 0;

-- The numbers of those insights of a digest that are withdrawn now, as JSON; '' = none.
ALTER TABLE digests ADD COLUMN withdrawn TEXT NOT NULL DEFAULT '';
-- 1 = its schedule wants that staff approve each digest.
ALTER TABLE digests ADD COLUMN manual INTEGER NOT NULL DEFAULT 0;

-- What came of an email after it was accepted: bounced or complained, and when. lost = 1
-- says that its reader does not have it.
ALTER TABLE deliveries ADD COLUMN mark TEXT NOT NULL DEFAULT '';
ALTER TABLE deliveries ADD COLUMN marked_at INTEGER NOT NULL DEFAULT 0;
ALTER TABLE deliveries ADD COLUMN lost INTEGER NOT NULL DEFAULT 0;
CREATE INDEX deliveries_marked ON deliveries (digest_id, mark, marked_at) WHERE mark <> '';

-- An email of a digest can be sent once more by itself ('resend'): digest_id and variant
-- say what it brings.
CREATE TABLE messages_new (
  id            INTEGER PRIMARY KEY,
  kind          TEXT NOT NULL CHECK (kind IN ('confirm', 'already', 'moved', 'resend', 'test')),
  subscriber_id INTEGER REFERENCES subscribers (id) ON DELETE CASCADE,
  email         TEXT NOT NULL,
  payload       TEXT NOT NULL DEFAULT '', -- of a test email
  state         TEXT NOT NULL CHECK (state IN ('pending', 'claimed', 'sending', 'sent', 'deferred', 'failed', 'skipped', 'uncertain')),
  attempts      INTEGER NOT NULL DEFAULT 0,
  next_at       INTEGER NOT NULL DEFAULT 0,
  owner         TEXT NOT NULL DEFAULT '',
  message_id    TEXT NOT NULL DEFAULT '',
  code          INTEGER NOT NULL DEFAULT 0,
  reason        TEXT NOT NULL DEFAULT '',
  uncertain_at  INTEGER NOT NULL DEFAULT 0,
  created_at    INTEGER NOT NULL,
  updated_at    INTEGER NOT NULL,
  digest_id     INTEGER NOT NULL DEFAULT 0,
  variant       INTEGER NOT NULL DEFAULT 0,
  mark          TEXT NOT NULL DEFAULT '',
  marked_at     INTEGER NOT NULL DEFAULT 0
) STRICT;
INSERT INTO messages_new (id, kind, subscriber_id, email, payload, state, attempts, next_at, owner, message_id, code, reason, uncertain_at, created_at, updated_at)
  SELECT id, kind, subscriber_id, email, payload, state, attempts, next_at, owner, message_id, code, reason, uncertain_at, created_at, updated_at FROM messages;
DROP TABLE messages;
ALTER TABLE messages_new RENAME TO messages;
CREATE INDEX messages_due ON messages (next_at, id) WHERE state IN ('pending', 'deferred');
CREATE INDEX messages_owned ON messages (owner) WHERE state IN ('claimed', 'sending');
CREATE INDEX messages_subscriber ON messages (subscriber_id);
CREATE INDEX messages_marked ON messages (mark) WHERE mark <> '';
