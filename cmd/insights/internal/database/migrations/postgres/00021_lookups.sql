-- +goose Up

-- What strangers or readers cause must not read whole tables while others wait to write.

-- Messages to staff, of which the newest are kept, without looking at bounces.
CREATE INDEX bounces_other ON bounces (id) WHERE kind = 'other';
-- To erase a reader: emails to their address, and who wants to move there.
CREATE INDEX messages_email ON messages (lower(email));
CREATE INDEX subscribers_moving ON subscribers (id) WHERE new_email <> '';
-- Those whose links have ended.
CREATE INDEX subscribers_pending ON subscribers (nonce_expires_at) WHERE status = 'pending';
