-- +goose Up

-- around is the widest network of an asker (subscribers.Asker), in which sign-ups and
-- requests that wait are counted, too; around_asked and around_turn are their places. What
-- an earlier version stored knows none that is wider than its own.
ALTER TABLE waiting ADD COLUMN around TEXT COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE waiting ADD COLUMN around_asked BIGINT NOT NULL DEFAULT 0;
UPDATE waiting SET around = wide, around_asked = wide_asked;
DROP INDEX waiting_order;
CREATE INDEX waiting_order ON waiting (asked, wide_asked, around_asked, at, id, domain);
CREATE INDEX waiting_around ON waiting (around, around_asked);

-- Of an Around: how many of its sign-ups wait.
ALTER TABLE sign_up_networks ADD COLUMN crowd BIGINT NOT NULL DEFAULT 0;
DROP INDEX sign_up_networks_waiting;
CREATE INDEX sign_up_networks_crowd ON sign_up_networks (crowd) WHERE crowd > 0;
INSERT INTO sign_up_networks (name, hour, asked, before, waiting, crowd)
  SELECT around, 0, 0, 0, 0, count(*) FROM waiting WHERE around <> '' GROUP BY around
  ON CONFLICT (name) DO UPDATE SET crowd = excluded.crowd;

ALTER TABLE websub_requests ADD COLUMN around TEXT COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE websub_requests ADD COLUMN around_turn BIGINT NOT NULL DEFAULT 0;
ALTER TABLE websub_requests ADD COLUMN own BIGINT NOT NULL DEFAULT 0; -- 1 = about a subscription of who asks
UPDATE websub_requests SET around = wide, around_turn = wide_turn;
UPDATE websub_requests SET own = 1 WHERE EXISTS (SELECT 1 FROM websub_subscriptions s
  WHERE s.topic = websub_requests.topic AND s.callback = websub_requests.callback AND s.client = websub_requests.client);
DROP INDEX websub_requests_order;
CREATE INDEX websub_requests_order ON websub_requests (slow, turn, wide_turn, around_turn, asked_at, id);
CREATE INDEX websub_requests_around ON websub_requests (own, around);
ALTER TABLE websub_subscriptions ADD COLUMN around TEXT COLLATE "C" NOT NULL DEFAULT '';
UPDATE websub_subscriptions SET around = wide;
CREATE INDEX websub_subscriptions_around ON websub_subscriptions (around, expires_at) WHERE around <> '';
