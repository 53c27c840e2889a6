-- +goose Up

-- What a network asked for before the hours that are counted, in hundredths, less with each
-- hour (subscribers.Asked).
ALTER TABLE sign_up_networks ADD COLUMN earlier INTEGER NOT NULL DEFAULT 0;
