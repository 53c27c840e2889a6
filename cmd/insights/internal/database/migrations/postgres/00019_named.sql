-- +goose Up

-- 1 = nothing but its Message-ID told of which email a refusal was, which goes along when an
-- email is forwarded: it suppresses nobody by itself.
ALTER TABLE refusals ADD COLUMN named BIGINT NOT NULL DEFAULT 0;

-- Since when Message-IDs lead to their email. For older ones a digest is searched.
INSERT INTO settings (name, value) VALUES ('message_ids_since', CAST(CAST(extract(epoch FROM now()) AS BIGINT) * 1000 AS TEXT));
