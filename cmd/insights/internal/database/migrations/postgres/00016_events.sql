-- +goose Up

-- The newest events of a subscriber, or those after one, are read without a sort.
CREATE INDEX events_of_subscriber ON events (subscriber_id, id);
DROP INDEX events_subscriber;
