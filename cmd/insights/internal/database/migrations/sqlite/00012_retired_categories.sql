-- +goose Up

-- A category that is no longer configured is retired when its bit is needed for another
-- one: nobody has it from then on, and once it is cleared everywhere its row is deleted.
ALTER TABLE categories ADD COLUMN retired_at INTEGER NOT NULL DEFAULT 0;
