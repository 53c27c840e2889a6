-- +goose Up

-- The newest events of a subscriber, or those after one, are read without a sort: the id is
-- in this index by itself.
CREATE INDEX events_of_subscriber ON events (subscriber_id);
DROP INDEX events_subscriber;
