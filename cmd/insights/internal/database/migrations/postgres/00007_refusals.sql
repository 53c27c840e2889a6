-- +goose Up

-- When an email was first tried, which gives the order of sending; 0 = never, or before
-- this was recorded. retried: staff have asked for it to be sent again.
ALTER TABLE deliveries ADD COLUMN first_at BIGINT NOT NULL DEFAULT 0;
ALTER TABLE deliveries ADD COLUMN retried BIGINT NOT NULL DEFAULT 0;
ALTER TABLE messages ADD COLUMN first_at BIGINT NOT NULL DEFAULT 0;
UPDATE deliveries SET first_at = updated_at WHERE attempts > 0 AND updated_at > (extract(epoch FROM now()) - 172800) * 1000;

-- Since when a digest is paused, and whether it does not pause for hard refusals.
ALTER TABLE digests ADD COLUMN paused_at BIGINT NOT NULL DEFAULT 0;
ALTER TABLE digests ADD COLUMN count_refusals BIGINT NOT NULL DEFAULT 0;

-- Hard refusals, which are judged once: what they say of the reader depends on what else
-- was refused around them.
CREATE TABLE refusals (
  digest_id     BIGINT NOT NULL, -- 0 = a single email
  message_id    BIGINT NOT NULL, -- 0 = an email of a digest
  subscriber_id BIGINT NOT NULL,
  domain        TEXT COLLATE "C" NOT NULL,
  words         TEXT COLLATE "C" NOT NULL,
  said          TEXT COLLATE "C" NOT NULL,
  proven        BIGINT NOT NULL,
  sent_at       BIGINT NOT NULL,
  at            BIGINT NOT NULL,
  due_at        BIGINT NOT NULL,
  judged_at     BIGINT NOT NULL DEFAULT 0, -- 0 = not yet
  verdict       TEXT COLLATE "C" NOT NULL DEFAULT '',
  reason        TEXT COLLATE "C" NOT NULL DEFAULT '',
  PRIMARY KEY (digest_id, message_id, subscriber_id)
);
CREATE INDEX refusals_due ON refusals (due_at) WHERE judged_at = 0;
CREATE INDEX refusals_open ON refusals (subscriber_id, due_at) WHERE judged_at = 0;
CREATE INDEX refusals_subscriber ON refusals (subscriber_id, sent_at);
CREATE INDEX refusals_judged ON refusals (judged_at, verdict) WHERE judged_at > 0;
