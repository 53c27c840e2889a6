-- +goose Up

-- To which address a sign-up or a move was, and in which mailbox its mail probably
-- ends, as the keyed hashes that suppressions have.
ALTER TABLE attempts ADD COLUMN address TEXT COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE attempts ADD COLUMN inbox TEXT COLLATE "C" NOT NULL DEFAULT '';
CREATE INDEX attempts_inbox ON attempts (inbox, at);

-- A word goes to the address that a reader has left ('moved').
ALTER TABLE messages DROP CONSTRAINT messages_kind_check;
ALTER TABLE messages ADD CONSTRAINT messages_kind_check CHECK (kind IN ('confirm', 'already', 'moved', 'test'));
