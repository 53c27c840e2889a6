-- +goose Up

-- The rate to which a mail server has slowed a worker, in thousandths of an email a second;
-- 0 = it has not.
ALTER TABLE workers ADD COLUMN slowed INTEGER NOT NULL DEFAULT 0;
