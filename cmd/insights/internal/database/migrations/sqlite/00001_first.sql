-- +goose Up
-- Times are milliseconds since 1970 in UTC; 0 = never. Booleans are 0 and 1.

-- A category keeps its bit for ever: subscribers.categories is a mask of them.
CREATE TABLE categories (
  bit  INTEGER PRIMARY KEY CHECK (bit BETWEEN 0 AND 61),
  slug TEXT NOT NULL UNIQUE
) STRICT;

-- The order in which insights appeared. seq is NULL until the edit grace is over,
-- and never changes afterwards; category is frozen with it.
CREATE TABLE insights (
  id            TEXT PRIMARY KEY,
  category      TEXT NOT NULL,
  slug          TEXT NOT NULL DEFAULT '', -- when it was last seen
  email         INTEGER NOT NULL,
  seq           INTEGER UNIQUE,
  first_seen_at INTEGER NOT NULL,
  withdrawn_at  INTEGER NOT NULL DEFAULT 0
) STRICT;

-- How far a reader is in each category, interned: "architecture=12 leadership=7".
CREATE TABLE positions (
  id     INTEGER PRIMARY KEY,
  vector TEXT NOT NULL UNIQUE
) STRICT;
INSERT INTO positions (id, vector) VALUES (1, '');

CREATE TABLE subscribers (
  id               INTEGER PRIMARY KEY,
  public_id        TEXT NOT NULL UNIQUE,
  email            TEXT NOT NULL,
  email_key        TEXT NOT NULL UNIQUE,
  name             TEXT NOT NULL DEFAULT '',
  status           TEXT NOT NULL CHECK (status IN ('pending', 'confirmed', 'unsubscribed', 'suppressed')),
  reason           TEXT NOT NULL DEFAULT '',
  cadence          TEXT NOT NULL CHECK (cadence IN ('instant', 'daily', 'weekly', 'monthly')),
  categories       INTEGER NOT NULL,
  position_id      INTEGER NOT NULL DEFAULT 1 REFERENCES positions (id),
  paused_until     INTEGER NOT NULL DEFAULT 0,
  nonce            TEXT NOT NULL DEFAULT '',
  nonce_expires_at INTEGER NOT NULL DEFAULT 0,
  notified_at      INTEGER NOT NULL DEFAULT 0,
  created_at       INTEGER NOT NULL,
  confirmed_at     INTEGER NOT NULL DEFAULT 0,
  unsubscribed_at  INTEGER NOT NULL DEFAULT 0,
  source           TEXT NOT NULL DEFAULT '',
  -- of one who was confirmed before any insight was numbered: how many of the
  -- newest are unread once they are; -1 = their position says it all
  start_with       INTEGER NOT NULL DEFAULT -1
) STRICT;
CREATE INDEX subscribers_early ON subscribers (start_with) WHERE start_with >= 0;
CREATE INDEX subscribers_audience ON subscribers (cadence, categories, position_id) WHERE status = 'confirmed';

-- A subscriber's history, and the evidence of consent.
CREATE TABLE events (
  id            INTEGER PRIMARY KEY,
  subscriber_id INTEGER NOT NULL REFERENCES subscribers (id) ON DELETE CASCADE,
  at            INTEGER NOT NULL,
  what          TEXT NOT NULL,
  source        TEXT NOT NULL,
  client        TEXT NOT NULL,
  version       TEXT NOT NULL,
  detail        TEXT NOT NULL
) STRICT;
CREATE INDEX events_subscriber ON events (subscriber_id);

CREATE TABLE schedules (
  name  TEXT PRIMARY KEY,
  since INTEGER NOT NULL
) STRICT;

CREATE TABLE digests (
  id          INTEGER PRIMARY KEY,
  uid         TEXT NOT NULL UNIQUE,
  state       TEXT NOT NULL CHECK (state IN ('planning', 'planned', 'approved', 'sending', 'paused', 'done', 'cancelled', 'failed')),
  reason      TEXT NOT NULL DEFAULT '',
  cadence     TEXT NOT NULL,
  category    TEXT NOT NULL,
  only_id     INTEGER NOT NULL, -- the one subscriber it was made for; 0 = all
  schedule    TEXT NOT NULL,
  slot        TEXT NOT NULL,
  subject     TEXT NOT NULL,
  intro       TEXT NOT NULL,
  cutoff      INTEGER NOT NULL,
  max_items   INTEGER NOT NULL,
  hash        TEXT NOT NULL,
  items       TEXT NOT NULL, -- JSON: the insights as they were when it was planned
  readers     INTEGER NOT NULL DEFAULT 0,
  created_at  INTEGER NOT NULL,
  planned_at  INTEGER NOT NULL DEFAULT 0,
  approved_at INTEGER NOT NULL DEFAULT 0,
  done_at     INTEGER NOT NULL DEFAULT 0
) STRICT;

-- One occurrence of a schedule, whatever became of it.
CREATE TABLE slots (
  schedule  TEXT NOT NULL,
  key       TEXT NOT NULL, -- local wall time without offset, or seq:N
  due_at    INTEGER NOT NULL,
  outcome   TEXT NOT NULL,
  reason    TEXT NOT NULL,
  digest_id INTEGER REFERENCES digests (id),
  at        INTEGER NOT NULL,
  PRIMARY KEY (schedule, key)
) STRICT;

-- What readers with the same unread insights receive, and its words once rendered.
CREATE TABLE variants (
  digest_id   INTEGER NOT NULL REFERENCES digests (id) ON DELETE CASCADE,
  number      INTEGER NOT NULL,
  seqs        TEXT NOT NULL, -- JSON
  readers     INTEGER NOT NULL,
  subject     TEXT NOT NULL DEFAULT '',
  html        TEXT NOT NULL DEFAULT '',
  text        TEXT NOT NULL DEFAULT '',
  base_url    TEXT NOT NULL DEFAULT '',
  rendered_at INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (digest_id, number)
) STRICT;

-- While a digest is planned: which readers get which variant.
CREATE TABLE digest_groups (
  digest_id   INTEGER NOT NULL REFERENCES digests (id) ON DELETE CASCADE,
  categories  INTEGER NOT NULL,
  position_id INTEGER NOT NULL,
  variant     INTEGER NOT NULL,
  target_id   INTEGER NOT NULL,
  PRIMARY KEY (digest_id, categories, position_id)
) STRICT, WITHOUT ROWID;

-- One digest to one subscriber. categories and base_id are where the reader was
-- when it was planned, target_id is where it takes them.
CREATE TABLE deliveries (
  digest_id     INTEGER NOT NULL REFERENCES digests (id) ON DELETE CASCADE,
  subscriber_id INTEGER NOT NULL,
  variant       INTEGER NOT NULL,
  categories    INTEGER NOT NULL,
  base_id       INTEGER NOT NULL,
  target_id     INTEGER NOT NULL,
  state         TEXT NOT NULL CHECK (state IN ('pending', 'claimed', 'sending', 'sent', 'deferred', 'failed', 'skipped', 'uncertain')),
  attempts      INTEGER NOT NULL DEFAULT 0,
  next_at       INTEGER NOT NULL DEFAULT 0,
  owner         TEXT NOT NULL DEFAULT '',
  email         TEXT NOT NULL DEFAULT '', -- frozen when it is first sent
  message_id    TEXT NOT NULL DEFAULT '',
  code          INTEGER NOT NULL DEFAULT 0,
  reason        TEXT NOT NULL DEFAULT '',
  uncertain_at  INTEGER NOT NULL DEFAULT 0,
  updated_at    INTEGER NOT NULL,
  PRIMARY KEY (digest_id, subscriber_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX deliveries_due ON deliveries (digest_id, next_at, variant, subscriber_id) WHERE state IN ('pending', 'deferred');
CREATE INDEX deliveries_owned ON deliveries (owner) WHERE state IN ('claimed', 'sending');
CREATE INDEX deliveries_open ON deliveries (subscriber_id) WHERE state IN ('pending', 'claimed', 'sending', 'deferred', 'uncertain');

-- Mails that are no digest: confirmations and the like.
CREATE TABLE messages (
  id            INTEGER PRIMARY KEY,
  kind          TEXT NOT NULL CHECK (kind IN ('confirm', 'already', 'test')),
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
CREATE INDEX messages_due ON messages (next_at, id) WHERE state IN ('pending', 'deferred');
CREATE INDEX messages_owned ON messages (owner) WHERE state IN ('claimed', 'sending');

CREATE TABLE workers (
  id      TEXT PRIMARY KEY,
  beat_at INTEGER NOT NULL
) STRICT;

-- When the documents at a path last changed: the dates of what they hold don't say
-- that something was taken away. changed_at is whole seconds.
CREATE TABLE documents (
  path       TEXT PRIMARY KEY,
  version    TEXT NOT NULL,
  changed_at INTEGER NOT NULL
) STRICT;

-- How many readers of a feed document one source stood for on a day. Nothing
-- about any of them is kept.
CREATE TABLE readership (
  day      INTEGER NOT NULL, -- days since 1970, UTC
  document TEXT NOT NULL,    -- its path
  source   TEXT NOT NULL,    -- an aggregator's name, or others
  readers  INTEGER NOT NULL,
  PRIMARY KEY (day, document, source)
) STRICT, WITHOUT ROWID;

-- Numbers that only grow.
CREATE TABLE counters (
  name  TEXT PRIMARY KEY,
  value INTEGER NOT NULL
) STRICT;
INSERT INTO counters (name, value) VALUES ('sequence', 0);

-- Where mail goes in development.
CREATE TABLE inbox (
  id        INTEGER PRIMARY KEY,
  at        INTEGER NOT NULL,
  recipient TEXT NOT NULL,
  message   BLOB NOT NULL
) STRICT;

-- What the whole database is for, and the like.
CREATE TABLE settings (
  name  TEXT PRIMARY KEY,
  value TEXT NOT NULL
) STRICT;

-- Who wants to be pushed which feed document (WebSub), until expires_at. version
-- is what the subscriber has, target what it is to have; where they differ a push
-- is due at due_at, 0 = given up.
CREATE TABLE websub_subscriptions (
  topic         TEXT NOT NULL,
  callback      TEXT NOT NULL,
  host          TEXT NOT NULL, -- of the callback
  secret        TEXT NOT NULL,
  expires_at    INTEGER NOT NULL,
  version       TEXT NOT NULL,
  target        TEXT NOT NULL,
  attempts      INTEGER NOT NULL DEFAULT 0,
  due_at        INTEGER NOT NULL DEFAULT 0,
  claimed_until INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (topic, callback)
) STRICT;
CREATE INDEX websub_subscriptions_host ON websub_subscriptions (host);
CREATE INDEX websub_subscriptions_due ON websub_subscriptions (due_at) WHERE due_at > 0;
CREATE INDEX websub_subscriptions_expire ON websub_subscriptions (expires_at);

-- What somebody asked of the hub and has not been verified to want.
CREATE TABLE websub_requests (
  topic         TEXT NOT NULL,
  callback      TEXT NOT NULL,
  host          TEXT NOT NULL,
  mode          TEXT NOT NULL CHECK (mode IN ('subscribe', 'unsubscribe')),
  secret        TEXT NOT NULL,
  lease         INTEGER NOT NULL, -- seconds
  challenge     TEXT NOT NULL,
  attempts      INTEGER NOT NULL DEFAULT 0,
  due_at        INTEGER NOT NULL,
  claimed_until INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (topic, callback)
) STRICT;

-- What a hub elsewhere was last told.
CREATE TABLE websub_pings (
  hub     TEXT NOT NULL,
  topic   TEXT NOT NULL,
  version TEXT NOT NULL,
  PRIMARY KEY (hub, topic)
) STRICT;
