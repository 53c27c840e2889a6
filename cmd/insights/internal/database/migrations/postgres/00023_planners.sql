-- +goose Up

-- Where a daemon runs, and which insights it shows (JSON).
ALTER TABLE daemons ADD COLUMN details TEXT NOT NULL DEFAULT '{}';

-- The daemon that plans a slot: of outcome 'planning'.
ALTER TABLE slots ADD COLUMN planner TEXT NOT NULL DEFAULT '';
