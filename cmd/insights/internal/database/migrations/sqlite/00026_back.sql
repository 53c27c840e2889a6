-- +goose Up

-- 1 = it asks to bring a subscription back to the mailbox that it has left.
ALTER TABLE messages ADD COLUMN back INTEGER NOT NULL DEFAULT 0;
