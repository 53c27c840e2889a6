-- +goose Up

-- To which address a sign-up or a move was, and in which mailbox its mail probably
-- ends, as the keyed hashes that suppressions have.
ALTER TABLE attempts ADD COLUMN address TEXT NOT NULL DEFAULT '';
ALTER TABLE attempts ADD COLUMN inbox TEXT NOT NULL DEFAULT '';
CREATE INDEX attempts_inbox ON attempts (inbox, at);

-- Whoever lifts a suppression, who said no or was forgotten alone can sign up again.
ALTER TABLE suppressions ADD COLUMN unsubscribed_at INTEGER NOT NULL DEFAULT 0;
UPDATE suppressions SET unsubscribed_at = at WHERE status = 'unsubscribed' OR cause IN ('complaint', 'owner') OR reason = 'forgotten';

-- Who has left an address, to forget it as well.
CREATE INDEX events_moved ON events (subscriber_id) WHERE what = 'moved';

-- A word goes to the address that a reader has left ('moved').
CREATE TABLE messages_new (
  id            INTEGER PRIMARY KEY,
  kind          TEXT NOT NULL CHECK (kind IN ('confirm', 'already', 'moved', 'test')),
  subscriber_id INTEGER REFERENCES subscribers (id) ON DELETE CASCADE,
  email         TEXT NOT NULL,
  payload       TEXT NOT NULL DEFAULT '', -- of a test mail
  state         TEXT NOT NULL CHECK (state IN ('pending', 'claimed', 'sending', 'sent', 'deferred', 'failed', 'skipped', 'uncertain')),
  attempts      INTEGER NOT NULL DEFAULT 0,
  next_at       INTEGER NOT NULL DEFAULT 0,
  owner         TEXT NOT NULL DEFAULT '',
  message_id    TEXT NOT NULL DEFAULT '',
  code          INTEGER NOT NULL DEFAULT 0,
  reason        TEXT NOT NULL DEFAULT '',
  uncertain_at  INTEGER NOT NULL DEFAULT 0,
  created_at    INTEGER NOT NULL,
  updated_at    INTEGER NOT NULL
) STRICT;
INSERT INTO messages_new SELECT * FROM messages;
DROP TABLE messages;
ALTER TABLE messages_new RENAME TO messages;
CREATE INDEX messages_due ON messages (next_at, id) WHERE state IN ('pending', 'deferred');
CREATE INDEX messages_owned ON messages (owner) WHERE state IN ('claimed', 'sending');

-- What went to a reader, for them to know, and to be forgotten with them.
CREATE INDEX messages_subscriber ON messages (subscriber_id);
