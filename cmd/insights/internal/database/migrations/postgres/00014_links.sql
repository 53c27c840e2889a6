-- +goose Up

-- The key of Message-IDs: without it they could be worked out from what anybody may see,
-- and reports about emails be forged. It never changes.
INSERT INTO settings (name, value) VALUES ('message_key', replace(gen_random_uuid()::text || gen_random_uuid()::text, '-', ''));

-- Each email that asks to confirm carries a nonce and choices of its own: what its reader
-- clicks is what they get, whoever signs the address up again. ended = 1 says that another
-- was clicked, or that they said no. A fresh link can be sent ('link').
ALTER TABLE messages DROP CONSTRAINT messages_kind_check;
ALTER TABLE messages ADD CONSTRAINT messages_kind_check CHECK (kind IN ('confirm', 'already', 'moved', 'link', 'resend', 'test'));
ALTER TABLE messages ADD COLUMN nonce TEXT COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE messages ADD COLUMN expires_at BIGINT NOT NULL DEFAULT 0;
ALTER TABLE messages ADD COLUMN name TEXT COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE messages ADD COLUMN cadence TEXT COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE messages ADD COLUMN categories TEXT COLLATE "C" NOT NULL DEFAULT ''; -- slugs with spaces between them
ALTER TABLE messages ADD COLUMN ended BIGINT NOT NULL DEFAULT 0;

-- What was asked before goes with the newest of these emails, whose link works.
UPDATE messages SET nonce = s.nonce, expires_at = s.nonce_expires_at, name = s.name, cadence = s.cadence, ended = CASE WHEN s.status = 'pending' OR s.status = 'confirmed' AND s.new_email <> '' THEN 0 ELSE 1 END,
    categories = coalesce((SELECT string_agg(c.slug, ' ' ORDER BY c.slug) FROM categories c WHERE (s.categories >> CAST(c.bit AS INTEGER)) & 1 = 1), '')
  FROM subscribers s
  WHERE s.id = messages.subscriber_id AND s.nonce <> '' AND messages.kind = 'confirm'
    AND messages.id = (SELECT max(n.id) FROM messages n WHERE n.subscriber_id = s.id AND n.kind = 'confirm');
UPDATE subscribers SET nonce = '' WHERE nonce <> '';

-- What takes an unsubscription back, for an hour.
ALTER TABLE subscribers ADD COLUMN undo TEXT COLLATE "C" NOT NULL DEFAULT '';

-- Until when preferences links work that name no day: those of older versions.
INSERT INTO settings (name, value) VALUES ('undated_links_until', CAST((CAST(extract(epoch FROM now()) AS BIGINT) + 60 * 86400) * 1000 AS TEXT));
