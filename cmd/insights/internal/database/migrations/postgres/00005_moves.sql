-- +goose Up

-- To which address a sign-up or a move was, and in which mailbox its mail probably
-- ends, as the keyed hashes that suppressions have.
ALTER TABLE attempts ADD COLUMN address TEXT COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE attempts ADD COLUMN inbox TEXT COLLATE "C" NOT NULL DEFAULT '';
CREATE INDEX attempts_inbox ON attempts (inbox, at);

-- Whoever lifts a suppression, who said no or was forgotten alone can sign up again.
ALTER TABLE suppressions ADD COLUMN unsubscribed_at BIGINT NOT NULL DEFAULT 0;
UPDATE suppressions SET unsubscribed_at = at WHERE status = 'unsubscribed' OR cause IN ('complaint', 'owner') OR reason = 'forgotten';

-- Who has left an address, to forget it as well.
CREATE INDEX events_moved ON events (subscriber_id) WHERE what = 'moved';

-- A word goes to the address that a reader has left ('moved').
ALTER TABLE messages DROP CONSTRAINT messages_kind_check;
ALTER TABLE messages ADD CONSTRAINT messages_kind_check CHECK (kind IN ('confirm', 'already', 'moved', 'test'));

-- What went to a reader, for them to know, and to be forgotten with them.
CREATE INDEX messages_subscriber ON messages (subscriber_id);
