-- +goose Up

-- Of a subscriber: why and since when nothing may be sent, and how many mails about
-- sign-ups were queued since asked_since.
ALTER TABLE subscribers ADD COLUMN cause TEXT COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE subscribers ADD COLUMN suppressed_at BIGINT NOT NULL DEFAULT 0;
ALTER TABLE subscribers ADD COLUMN asked BIGINT NOT NULL DEFAULT 0;
ALTER TABLE subscribers ADD COLUMN asked_since BIGINT NOT NULL DEFAULT 0;
UPDATE subscribers SET cause = 'staff', suppressed_at = created_at WHERE status = 'suppressed';

-- Who must not be written to, and who said no and was forgotten: by a keyed hash of
-- the address, so that it outlives the subscriber.
CREATE TABLE suppressions (
  hash   TEXT COLLATE "C" PRIMARY KEY,
  status TEXT COLLATE "C" NOT NULL CHECK (status = 'unsubscribed' OR status = 'suppressed'),
  cause  TEXT COLLATE "C" NOT NULL,
  reason TEXT COLLATE "C" NOT NULL,
  at     BIGINT NOT NULL
);

-- Sign-ups of the last day, to be counted; no address is among them.
CREATE TABLE attempts (
  at     BIGINT NOT NULL,
  client TEXT COLLATE "C" NOT NULL, -- salted hash
  domain TEXT COLLATE "C" NOT NULL
);
CREATE INDEX attempts_at ON attempts (at, client, domain);

-- The highest id of a subscriber who was forgotten: none is given twice.
INSERT INTO counters (name, value) VALUES ('forgotten', 0);

-- The key of suppressions' hashes. It never changes.
INSERT INTO settings (name, value) VALUES ('suppression_key', replace(gen_random_uuid()::text || gen_random_uuid()::text, '-', ''));
