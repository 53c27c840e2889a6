-- +goose Up

-- Public ids of subscribers who were merged with this one, with spaces between them: the
-- links of their emails still work.
ALTER TABLE subscribers ADD COLUMN former_ids TEXT COLLATE "C" NOT NULL DEFAULT '';
CREATE INDEX subscribers_merged ON subscribers (id) WHERE former_ids <> '';

-- Keys of addresses get one form, and subscribers with one mailbox become one: the program
-- does it, and takes this away.
INSERT INTO settings (name, value) VALUES ('mailboxes', 'to be merged');
