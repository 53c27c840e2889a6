-- +goose Up

-- Slugs that a category had before, with spaces between them: by these a rename that is
-- undone in the configuration is recognised.
ALTER TABLE categories ADD COLUMN former TEXT NOT NULL DEFAULT '';
