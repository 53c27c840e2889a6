-- +goose Up

-- When a digest may go out at the earliest; 0 = as soon as it is approved.
ALTER TABLE digests ADD COLUMN not_before INTEGER NOT NULL DEFAULT 0;

-- What since is about: a schedule with other times begins anew.
ALTER TABLE schedules ADD COLUMN times TEXT NOT NULL DEFAULT '';

-- So that status, lists and metrics count a million mails without reading them.
DROP INDEX deliveries_due;
CREATE INDEX deliveries_due ON deliveries (digest_id, next_at, variant, subscriber_id, state) WHERE next_at >= 0;
CREATE INDEX deliveries_ended ON deliveries (digest_id, state) WHERE next_at < 0 AND owner = '' AND state <> 'sent';
CREATE INDEX subscribers_others ON subscribers (status) WHERE status <> 'confirmed';

-- How often a sender began: a copy from before that is older, however soon it ended.
INSERT INTO counters (name, value) VALUES ('senders', 0);
