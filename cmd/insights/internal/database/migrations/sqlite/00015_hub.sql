-- +goose Up

-- Who wants to be pushed which feed document (WebSub), until expires_at. version
-- is what the subscriber has, target what it is to have; where they differ a push
-- is due at due_at, 0 = given up. term and what follows is websub.Standing.
CREATE TABLE hub_subscriptions (
  id            INTEGER PRIMARY KEY,
  topic         TEXT NOT NULL,
  callback      TEXT NOT NULL,
  host          TEXT NOT NULL, -- of the callback
  client        TEXT NOT NULL, -- salted hashes of the networks that asked for it
  wide          TEXT NOT NULL,
  secret        TEXT NOT NULL,
  expires_at    INTEGER NOT NULL,
  version       TEXT NOT NULL,
  target        TEXT NOT NULL,
  attempts      INTEGER NOT NULL DEFAULT 0,
  due_at        INTEGER NOT NULL DEFAULT 0,
  claimed_until INTEGER NOT NULL DEFAULT 0,
  term          INTEGER NOT NULL, -- seconds
  earned_at     INTEGER NOT NULL,
  delivered_at  INTEGER NOT NULL DEFAULT 0,
  UNIQUE (topic, callback)
) STRICT;
INSERT INTO hub_subscriptions (topic, callback, host, client, wide, secret, expires_at, version, target, attempts, due_at, term, earned_at)
  SELECT topic, callback, host, '', '', secret, expires_at, version, target, attempts, due_at, 86400, 0 FROM websub_subscriptions;
DROP TABLE websub_subscriptions;
ALTER TABLE hub_subscriptions RENAME TO websub_subscriptions;
CREATE INDEX websub_subscriptions_due ON websub_subscriptions (host, due_at, id) WHERE due_at > 0;
CREATE INDEX websub_subscriptions_claimed ON websub_subscriptions (host, claimed_until) WHERE claimed_until > 0;
CREATE INDEX websub_subscriptions_host ON websub_subscriptions (host, expires_at);
CREATE INDEX websub_subscriptions_target ON websub_subscriptions (topic, target);
CREATE INDEX websub_subscriptions_client ON websub_subscriptions (client, expires_at) WHERE client <> '';
CREATE INDEX websub_subscriptions_wide ON websub_subscriptions (wide, expires_at) WHERE wide <> '';
CREATE INDEX websub_subscriptions_expire ON websub_subscriptions (expires_at);

-- The hosts of callbacks that have subscriptions. due_at is when there may be a push to
-- make, not later than there is one; 0 = none. The host '' is locked by whoever changes
-- what is due.
CREATE TABLE websub_hosts (
  host   TEXT PRIMARY KEY,
  slow   INTEGER NOT NULL DEFAULT 0, -- it failed or was slow last time
  due_at INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;
CREATE INDEX websub_hosts_due ON websub_hosts (slow, due_at, host) WHERE due_at > 0;
INSERT INTO websub_hosts (host) VALUES ('');
INSERT INTO websub_hosts (host, due_at) SELECT host, coalesce(min(CASE WHEN due_at > 0 THEN due_at END), 0) FROM websub_subscriptions GROUP BY host;

-- What somebody asked of the hub and has not been verified to want. turn and wide_turn are
-- its place (websub.Place).
DROP TABLE websub_requests;
CREATE TABLE websub_requests (
  id            INTEGER PRIMARY KEY,
  topic         TEXT NOT NULL,
  callback      TEXT NOT NULL,
  host          TEXT NOT NULL,
  client        TEXT NOT NULL,
  wide          TEXT NOT NULL,
  mode          TEXT NOT NULL CHECK (mode IN ('subscribe', 'unsubscribe')),
  secret        TEXT NOT NULL,
  lease         INTEGER NOT NULL, -- seconds
  challenge     TEXT NOT NULL,
  asked_at      INTEGER NOT NULL,
  turn          INTEGER NOT NULL,
  wide_turn     INTEGER NOT NULL,
  slow          INTEGER NOT NULL, -- its host failed or was slow last time
  attempts      INTEGER NOT NULL DEFAULT 0,
  due_at        INTEGER NOT NULL,
  claimed_until INTEGER NOT NULL DEFAULT 0,
  UNIQUE (topic, callback, client)
) STRICT;
CREATE INDEX websub_requests_order ON websub_requests (slow, turn, wide_turn, asked_at, id);
CREATE INDEX websub_requests_host ON websub_requests (host, client, asked_at);
CREATE INDEX websub_requests_client ON websub_requests (client, asked_at);
CREATE INDEX websub_requests_wide ON websub_requests (wide);

-- What networks asked of the hub within the hour (websub.Asked).
CREATE TABLE websub_networks (
  name  TEXT PRIMARY KEY,
  since INTEGER NOT NULL,
  asked INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX websub_networks_since ON websub_networks (since);
