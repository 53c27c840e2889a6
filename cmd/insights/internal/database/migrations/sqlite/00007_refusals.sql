-- +goose Up

-- When an email was first tried, which gives the order of sending; 0 = never, or before
-- this was recorded. retried: staff have asked for it to be sent again.
ALTER TABLE deliveries ADD COLUMN first_at INTEGER NOT NULL DEFAULT 0;
ALTER TABLE deliveries ADD COLUMN retried INTEGER NOT NULL DEFAULT 0;
ALTER TABLE messages ADD COLUMN first_at INTEGER NOT NULL DEFAULT 0;
UPDATE deliveries SET first_at = updated_at WHERE attempts > 0 AND updated_at > (strftime('%s', 'now') - 172800) * 1000;

-- Since when a digest is paused, and whether it does not pause for hard refusals.
ALTER TABLE digests ADD COLUMN paused_at INTEGER NOT NULL DEFAULT 0;
ALTER TABLE digests ADD COLUMN count_refusals INTEGER NOT NULL DEFAULT 0;

-- Hard refusals, which are judged once: what they say of the reader depends on what else
-- was refused around them.
CREATE TABLE refusals (
  digest_id     INTEGER NOT NULL, -- 0 = a single email
  message_id    INTEGER NOT NULL, -- 0 = an email of a digest
  subscriber_id INTEGER NOT NULL,
  domain        TEXT NOT NULL,
  words         TEXT NOT NULL,
  said          TEXT NOT NULL,
  proven        INTEGER NOT NULL,
  sent_at       INTEGER NOT NULL,
  at            INTEGER NOT NULL,
  due_at        INTEGER NOT NULL,
  judged_at     INTEGER NOT NULL DEFAULT 0, -- 0 = not yet
  verdict       TEXT NOT NULL DEFAULT '',
  reason        TEXT NOT NULL DEFAULT '',
  PRIMARY KEY (digest_id, message_id, subscriber_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX refusals_due ON refusals (due_at) WHERE judged_at = 0;
CREATE INDEX refusals_open ON refusals (subscriber_id, due_at) WHERE judged_at = 0;
CREATE INDEX refusals_subscriber ON refusals (subscriber_id, sent_at);
CREATE INDEX refusals_judged ON refusals (judged_at, verdict) WHERE judged_at > 0;
