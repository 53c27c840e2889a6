-- +goose Up

-- What running daemons say of themselves, for staff.
CREATE TABLE daemons (
  id         TEXT COLLATE "C" PRIMARY KEY,
  started_at BIGINT NOT NULL,
  at         BIGINT NOT NULL,
  notes      TEXT NOT NULL -- JSON
);
