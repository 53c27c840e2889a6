-- +goose Up

-- Where a reader wants to move to is counted like a sign-up: by the keyed hash that
-- suppressions have, since the address is nobody's yet.
ALTER TABLE attempts ADD COLUMN address TEXT COLLATE "C" NOT NULL DEFAULT '';

-- A word goes to the address that a reader has left ('moved').
ALTER TABLE messages DROP CONSTRAINT messages_kind_check;
ALTER TABLE messages ADD CONSTRAINT messages_kind_check CHECK (kind IN ('confirm', 'already', 'moved', 'test'));
