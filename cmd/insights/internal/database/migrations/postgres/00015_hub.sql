-- +goose Up

-- term and what follows is websub.Standing; client and wide are salted hashes of the
-- networks that asked for a subscription.
ALTER TABLE websub_subscriptions DROP CONSTRAINT websub_subscriptions_pkey;
ALTER TABLE websub_subscriptions
  ADD COLUMN id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  ADD COLUMN client TEXT COLLATE "C" NOT NULL DEFAULT '',
  ADD COLUMN wide TEXT COLLATE "C" NOT NULL DEFAULT '',
  ADD COLUMN term BIGINT NOT NULL DEFAULT 86400, -- seconds
  ADD COLUMN earned_at BIGINT NOT NULL DEFAULT 0,
  ADD COLUMN delivered_at BIGINT NOT NULL DEFAULT 0,
  ADD UNIQUE (topic, callback);
UPDATE websub_subscriptions SET claimed_until = 0 WHERE claimed_until > 0;
DROP INDEX websub_subscriptions_host;
DROP INDEX websub_subscriptions_due;
CREATE INDEX websub_subscriptions_due ON websub_subscriptions (host, due_at, id) WHERE due_at > 0;
CREATE INDEX websub_subscriptions_claimed ON websub_subscriptions (host, claimed_until) WHERE claimed_until > 0;
CREATE INDEX websub_subscriptions_host ON websub_subscriptions (host, expires_at);
CREATE INDEX websub_subscriptions_target ON websub_subscriptions (topic, target);
CREATE INDEX websub_subscriptions_client ON websub_subscriptions (client, expires_at) WHERE client <> '';
CREATE INDEX websub_subscriptions_wide ON websub_subscriptions (wide, expires_at) WHERE wide <> '';

-- The hosts of callbacks that have subscriptions. due_at is when there may be a push to
-- make, not later than there is one; 0 = none. The host '' is locked by whoever changes
-- what is due.
CREATE TABLE websub_hosts (
  host   TEXT COLLATE "C" PRIMARY KEY,
  slow   BIGINT NOT NULL DEFAULT 0, -- it failed or was slow last time
  due_at BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX websub_hosts_due ON websub_hosts (slow, due_at, host) WHERE due_at > 0;
INSERT INTO websub_hosts (host) VALUES ('');
INSERT INTO websub_hosts (host, due_at) SELECT host, coalesce(min(CASE WHEN due_at > 0 THEN due_at END), 0) FROM websub_subscriptions GROUP BY host;

-- What somebody asked of the hub and has not been verified to want. turn and wide_turn are
-- its place (websub.Place).
DROP TABLE websub_requests;
CREATE TABLE websub_requests (
  id            BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  topic         TEXT COLLATE "C" NOT NULL,
  callback      TEXT COLLATE "C" NOT NULL,
  host          TEXT COLLATE "C" NOT NULL,
  client        TEXT COLLATE "C" NOT NULL,
  wide          TEXT COLLATE "C" NOT NULL,
  mode          TEXT COLLATE "C" NOT NULL CHECK (mode IN ('subscribe', 'unsubscribe')),
  secret        TEXT COLLATE "C" NOT NULL,
  lease         BIGINT NOT NULL, -- seconds
  challenge     TEXT COLLATE "C" NOT NULL,
  asked_at      BIGINT NOT NULL,
  turn          BIGINT NOT NULL,
  wide_turn     BIGINT NOT NULL,
  slow          BIGINT NOT NULL, -- its host failed or was slow last time
  attempts      BIGINT NOT NULL DEFAULT 0,
  due_at        BIGINT NOT NULL,
  claimed_until BIGINT NOT NULL DEFAULT 0,
  UNIQUE (topic, callback, client)
);
CREATE INDEX websub_requests_order ON websub_requests (slow, turn, wide_turn, asked_at, id);
CREATE INDEX websub_requests_host ON websub_requests (host, client, asked_at);
CREATE INDEX websub_requests_client ON websub_requests (client, asked_at);
CREATE INDEX websub_requests_wide ON websub_requests (wide);

-- What networks asked of the hub within the hour (websub.Asked).
CREATE TABLE websub_networks (
  name  TEXT COLLATE "C" PRIMARY KEY,
  since BIGINT NOT NULL,
  asked BIGINT NOT NULL
);
CREATE INDEX websub_networks_since ON websub_networks (since);
