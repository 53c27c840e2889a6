-- +goose Up

-- Of a message that asks to bring a subscription back to a mailbox that it has left: when the
-- link was made by which it was asked for; 0 = another message. ended = 2: it did.
ALTER TABLE messages ADD COLUMN back INTEGER NOT NULL DEFAULT 0;
