-- +goose Up

-- Of a subscriber: why and since when nothing may be sent, and how many mails about
-- sign-ups were queued since asked_since.
ALTER TABLE subscribers ADD COLUMN cause TEXT NOT NULL DEFAULT '';
ALTER TABLE subscribers ADD COLUMN suppressed_at INTEGER NOT NULL DEFAULT 0;
ALTER TABLE subscribers ADD COLUMN asked INTEGER NOT NULL DEFAULT 0;
ALTER TABLE subscribers ADD COLUMN asked_since INTEGER NOT NULL DEFAULT 0;
-- Where they want their mail, once they confirm it from there.
ALTER TABLE subscribers ADD COLUMN new_email TEXT NOT NULL DEFAULT '';
UPDATE subscribers SET cause = 'staff', suppressed_at = created_at WHERE status = 'suppressed';

-- Who must not be written to, and who said no and was forgotten: by a keyed hash of
-- the address, so that it outlives the subscriber.
CREATE TABLE suppressions (
  hash   TEXT PRIMARY KEY,
  status TEXT NOT NULL CHECK (status = 'unsubscribed' OR status = 'suppressed'),
  cause  TEXT NOT NULL,
  reason TEXT NOT NULL,
  at     INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Sign-ups of the last day, to be counted; no address is among them.
CREATE TABLE attempts (
  at     INTEGER NOT NULL,
  client TEXT NOT NULL, -- salted hash
  domain TEXT NOT NULL
) STRICT;
CREATE INDEX attempts_at ON attempts (at, client, domain);

-- Mails that came back, refusals and complaints. Which mail it is about stands in
-- digest_id and subscriber_id, or in message_id.
CREATE TABLE bounces (
  id            INTEGER PRIMARY KEY,
  at            INTEGER NOT NULL,
  digest_id     INTEGER NOT NULL DEFAULT 0,
  message_id    INTEGER NOT NULL DEFAULT 0,
  subscriber_id INTEGER NOT NULL DEFAULT 0, -- 0 = forgotten
  kind          TEXT NOT NULL,
  class         TEXT NOT NULL,
  code          INTEGER NOT NULL,
  status        TEXT NOT NULL,
  text          TEXT NOT NULL,
  hash          TEXT NOT NULL UNIQUE
) STRICT;
CREATE INDEX bounces_subscriber ON bounces (subscriber_id, at);
CREATE INDEX bounces_at ON bounces (at, kind, class);

-- The highest id of a subscriber who was forgotten: none is given twice.
INSERT INTO counters (name, value) VALUES ('forgotten', 0);

-- The key of suppressions' hashes. It never changes.
INSERT INTO settings (name, value) VALUES ('suppression_key', lower(hex(randomblob(32))));
