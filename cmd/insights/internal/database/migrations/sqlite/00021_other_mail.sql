-- +goose Up

-- Messages to staff, of which the newest are kept, without looking at bounces.
CREATE INDEX bounces_other ON bounces (id) WHERE kind = 'other';
