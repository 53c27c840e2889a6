-- +goose Up

-- When a daemon first showed a version of the library: of two, the one that came later is newer.
CREATE TABLE libraries (
  version TEXT PRIMARY KEY,
  seen_at INTEGER NOT NULL
) STRICT;
