-- +goose Up

-- How often an insight was withdrawn and came back: each return makes an instant digest due.
ALTER TABLE insights ADD COLUMN returns INTEGER NOT NULL DEFAULT 0;
