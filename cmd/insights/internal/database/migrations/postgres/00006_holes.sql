-- +goose Up

-- How an insight was withdrawn: 0 = its folder no longer shows it, 1 = staff withdrew
-- it at once, 2 = so, and its file has been away since. What says email: false is
-- withdrawn too: no digest may carry it.
ALTER TABLE insights ADD COLUMN withdrawn_how BIGINT NOT NULL DEFAULT 0;

-- The numbers of those insights of a digest that are withdrawn now, as JSON; '' = none.
ALTER TABLE digests ADD COLUMN withdrawn TEXT COLLATE "C" NOT NULL DEFAULT '';
-- 1 = its schedule wants that staff approve each digest.
ALTER TABLE digests ADD COLUMN manual BIGINT NOT NULL DEFAULT 0;

-- What came of an email after it was accepted: bounced or complained, and when. lost = 1
-- says that its reader does not have it.
ALTER TABLE deliveries ADD COLUMN mark TEXT COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE deliveries ADD COLUMN marked_at BIGINT NOT NULL DEFAULT 0;
ALTER TABLE deliveries ADD COLUMN lost BIGINT NOT NULL DEFAULT 0;
CREATE INDEX deliveries_marked ON deliveries (digest_id, mark, marked_at) WHERE mark <> '';

-- An email of a digest can be sent once more by itself ('resend'): digest_id and variant
-- say what it brings.
ALTER TABLE messages DROP CONSTRAINT messages_kind_check;
ALTER TABLE messages ADD CONSTRAINT messages_kind_check CHECK (kind IN ('confirm', 'already', 'moved', 'resend', 'test'));
ALTER TABLE messages ADD COLUMN digest_id BIGINT NOT NULL DEFAULT 0;
ALTER TABLE messages ADD COLUMN variant BIGINT NOT NULL DEFAULT 0;
ALTER TABLE messages ADD COLUMN mark TEXT COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE messages ADD COLUMN marked_at BIGINT NOT NULL DEFAULT 0;
CREATE INDEX messages_marked ON messages (mark) WHERE mark <> '';
