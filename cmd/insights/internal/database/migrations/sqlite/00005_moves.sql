-- +goose Up

-- Where a reader wants to move to is counted like a sign-up: by the keyed hash that
-- suppressions have, since the address is nobody's yet.
ALTER TABLE attempts ADD COLUMN address TEXT NOT NULL DEFAULT '';
