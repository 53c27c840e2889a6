-- +goose Up

-- 1 = an email of the digest was accepted, so that it has a page. To ask its deliveries
-- would read all of them where none was.
ALTER TABLE digests ADD COLUMN accepted INTEGER NOT NULL DEFAULT 0;
UPDATE digests SET accepted = 1 WHERE EXISTS (SELECT 1 FROM deliveries o WHERE o.digest_id = digests.id AND o.state = 'sent');
