-- +goose Up

-- When a worker last claimed mails of a digest: one that has lain for long is not
-- sent by itself.
ALTER TABLE digests ADD COLUMN active_at INTEGER NOT NULL DEFAULT 0;

-- Why a worker can't send just now, since when, and when it tries again.
ALTER TABLE workers ADD COLUMN trouble TEXT NOT NULL DEFAULT '';
ALTER TABLE workers ADD COLUMN trouble_since INTEGER NOT NULL DEFAULT 0;
ALTER TABLE workers ADD COLUMN trouble_until INTEGER NOT NULL DEFAULT 0;

-- How many marks and outcomes were recorded: an older copy of the database knows
-- of fewer.
INSERT INTO counters (name, value) VALUES ('recorded', 0);
