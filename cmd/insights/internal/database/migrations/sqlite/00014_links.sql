-- +goose Up

-- The key of Message-IDs: without it they could be worked out from what anybody may see,
-- and reports about emails be forged. It never changes.
INSERT INTO settings (name, value) VALUES ('message_key', lower(hex(randomblob(32))));

-- Each email that asks to confirm carries a nonce and choices of its own: what its reader
-- clicks is what they get, whoever signs the address up again. ended = 1 says that another
-- was clicked, or that they said no. A fresh link can be sent ('link').
CREATE TABLE messages_new (
  id            INTEGER PRIMARY KEY,
  kind          TEXT NOT NULL CHECK (kind IN ('confirm', 'already', 'moved', 'link', 'resend', 'test')),
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
  marked_at     INTEGER NOT NULL DEFAULT 0,
  first_at      INTEGER NOT NULL DEFAULT 0,
  nonce         TEXT NOT NULL DEFAULT '',
  expires_at    INTEGER NOT NULL DEFAULT 0,
  name          TEXT NOT NULL DEFAULT '',
  cadence       TEXT NOT NULL DEFAULT '',
  categories    TEXT NOT NULL DEFAULT '', -- slugs with spaces between them
  ended         INTEGER NOT NULL DEFAULT 0
) STRICT;
INSERT INTO messages_new (id, kind, subscriber_id, email, payload, state, attempts, next_at, owner, message_id, code, reason, uncertain_at, created_at, updated_at, digest_id, variant, mark, marked_at, first_at)
  SELECT id, kind, subscriber_id, email, payload, state, attempts, next_at, owner, message_id, code, reason, uncertain_at, created_at, updated_at, digest_id, variant, mark, marked_at, first_at FROM messages;
DROP TABLE messages;
ALTER TABLE messages_new RENAME TO messages;
CREATE INDEX messages_due ON messages (next_at, id) WHERE state IN ('pending', 'deferred');
CREATE INDEX messages_owned ON messages (owner) WHERE state IN ('claimed', 'sending');
CREATE INDEX messages_subscriber ON messages (subscriber_id);
CREATE INDEX messages_marked ON messages (mark) WHERE mark <> '';

-- What was asked before goes with the newest of these emails, whose link works.
UPDATE messages SET nonce = s.nonce, expires_at = s.nonce_expires_at, name = s.name, cadence = s.cadence, ended = CASE WHEN s.status = 'pending' OR s.status = 'confirmed' AND s.new_email <> '' THEN 0 ELSE 1 END,
    categories = coalesce((SELECT group_concat(c.slug, ' ') FROM categories c WHERE (s.categories >> c.bit) & 1 = 1), '')
  FROM subscribers s
  WHERE s.id = messages.subscriber_id AND s.nonce <> '' AND messages.kind = 'confirm'
    AND messages.id = (SELECT max(n.id) FROM messages n WHERE n.subscriber_id = s.id AND n.kind = 'confirm');
UPDATE subscribers SET nonce = '' WHERE nonce <> '';

-- What takes an unsubscription back, for an hour.
ALTER TABLE subscribers ADD COLUMN undo TEXT NOT NULL DEFAULT '';

-- Until when preferences links work that name no day: those of older versions.
INSERT INTO settings (name, value) VALUES ('undated_links_until', CAST((strftime('%s', 'now') + 60 * 86400) * 1000 AS TEXT));
