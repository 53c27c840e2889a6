-- +goose Up

-- Of those that are due, the ones that were never tried are found without a look at each.
DROP INDEX messages_due;
CREATE INDEX messages_due ON messages (next_at, attempts, id) WHERE state IN ('pending', 'deferred');
