-- +goose Up

-- What running daemons say of themselves, for staff.
CREATE TABLE daemons (
  id         TEXT PRIMARY KEY,
  started_at INTEGER NOT NULL,
  at         INTEGER NOT NULL,
  notes      TEXT NOT NULL -- JSON
) STRICT;
