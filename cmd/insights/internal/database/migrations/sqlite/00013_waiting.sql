-- +goose Up

-- Sign-ups that wait for their turn; see subscribers.Waiting. The networks are salted
-- hashes, asked and wide_asked are the rest of subscribers.Rank.
CREATE TABLE waiting (
  id         INTEGER PRIMARY KEY,
  at         INTEGER NOT NULL,
  email      TEXT NOT NULL,
  email_key  TEXT NOT NULL UNIQUE,
  inbox      TEXT NOT NULL, -- the keyed hash of suppressions
  domain     TEXT NOT NULL,
  name       TEXT NOT NULL,
  cadence    TEXT NOT NULL,
  categories TEXT NOT NULL, -- slugs with spaces between them
  source     TEXT NOT NULL,
  network    TEXT NOT NULL,
  wide       TEXT NOT NULL,
  asked      INTEGER NOT NULL,
  wide_asked INTEGER NOT NULL
) STRICT;
CREATE INDEX waiting_order ON waiting (asked, wide_asked, at, id, domain);
CREATE INDEX waiting_network ON waiting (network, at);
CREATE INDEX waiting_wide ON waiting (wide);
CREATE INDEX waiting_inbox ON waiting (inbox);
CREATE INDEX waiting_at ON waiting (at);

-- How often networks asked (subscribers.Asked), and how many of their sign-ups wait.
CREATE TABLE sign_up_networks (
  name    TEXT PRIMARY KEY,
  hour    INTEGER NOT NULL,
  asked   INTEGER NOT NULL,
  before  INTEGER NOT NULL,
  waiting INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX sign_up_networks_waiting ON sign_up_networks (waiting) WHERE waiting > 0;

-- Up to when what a domain may have is reserved (subscribers.Pace), and how many sign-ups
-- at it wait. '' is all of them; those of moves have '>' before them.
CREATE TABLE sign_up_domains (
  domain   TEXT PRIMARY KEY,
  reserved INTEGER NOT NULL,
  waiting  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX sign_up_domains_free ON sign_up_domains (reserved) WHERE waiting > 0 AND domain <> '';
INSERT INTO sign_up_domains (domain, reserved, waiting) VALUES ('', 0, 0);

-- What was let through to mailboxes: no address is among them.
CREATE TABLE sign_up_mailboxes (
  inbox   TEXT NOT NULL,
  address TEXT NOT NULL,
  since   INTEGER NOT NULL,
  count   INTEGER NOT NULL,
  last    INTEGER NOT NULL,
  PRIMARY KEY (inbox, address)
) STRICT, WITHOUT ROWID;
INSERT INTO sign_up_mailboxes (inbox, address, since, count, last)
  SELECT inbox, address, min(at), count(*), max(at) FROM attempts WHERE address <> '' GROUP BY inbox, address;
DROP TABLE attempts;

-- What was refused, by the hour since 1970 and the limit.
CREATE TABLE sign_up_refusals (
  hour    INTEGER NOT NULL,
  limited TEXT NOT NULL,
  count   INTEGER NOT NULL,
  PRIMARY KEY (hour, limited)
) STRICT, WITHOUT ROWID;
