-- +goose Up

-- Slugs that insights had before: their addresses lead to the present ones.
CREATE TABLE former_slugs (
  slug       TEXT PRIMARY KEY,
  insight_id TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX insights_slug ON insights (slug);
