-- The Space of Copies.pm, run as its owner: rows in every table and every
-- status, columns, indexes, rights and policies of the owner's own, and a table
-- outside of it that uses the types. A tick comes after each part.
SELECT cirro.create_space('trees', ref_type => 'uuid');
SET search_path = trees;
ALTER TABLE worker ADD COLUMN gone int, ADD COLUMN phone text;
ALTER TABLE worker DROP COLUMN gone;
CREATE INDEX worker_by_jsonb ON worker USING gin (profile);
ALTER INDEX worker_profile_idx SET (fastupdate = off);
ALTER STATISTICS worker_profile_stats SET STATISTICS 200;
CREATE TABLE visit (worker_id bigint PRIMARY KEY REFERENCES worker ON DELETE CASCADE, note text NOT NULL DEFAULT 'none');
GRANT USAGE ON SCHEMA trees TO visitor;
GRANT SELECT ON worker, gig TO visitor;
GRANT SELECT, UPDATE (status, reason) ON invitation TO visitor;
REVOKE SELECT ON gig_status FROM PUBLIC;
REVOKE EXECUTE ON FUNCTION rebuild_state() FROM PUBLIC;
ALTER TABLE worker ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON worker TO visitor USING (phone = current_setting('site.phone', true));

INSERT INTO consumer (name, kinds) VALUES ('audit', NULL), ('gate', '{gig.filled,gig.deleted}');
UPDATE setting SET default_multiplier = 3, max_pending = 4;
INSERT INTO worker (profile, ref, phone)
SELECT jsonb_strip_nulls(jsonb_build_object('n', n, 'name', 'O''Neill \ ' || n, 'tags', jsonb_build_array('a', n % 3),
		'since', (date '2021-01-01' + n * 10)::text, 'big', 12345678901234567830.5 + n,
		'at', jsonb_build_object('city', (ARRAY['Köln', 'Aachen', 'Bonn'])[1 + n % 3], 'lat', n / 4.0),
		'jobs', CASE WHEN n % 2 = 0 THEN jsonb_build_array(jsonb_build_object('title', 'cook', 'years', n % 7),
			jsonb_build_object('title', 'driver', 'years', n % 5)) END))
	|| CASE n % 4 WHEN 0 THEN '{"left": null}' WHEN 1 THEN '{"left": "2024-05-01"}' ELSE '{}' END::jsonb, gen_random_uuid(), n
FROM generate_series(1, 60) n;
INSERT INTO visit SELECT id FROM worker WHERE id % 20 = 0;
INSERT INTO gig (ref, title, url, start_at, end_at, archive_at, total_seats, seats_min, seats_max, filter_query,
	sort_query, answer_within, notification_payload)
VALUES (gen_random_uuid(), E'full\tof "signs"', 'u', now() + '2 h', now() + '3 h', now() + '4 h', 2, NULL, 2,
		'{"$or": [{"n": {"$gt": 5, "$lte": 30.5}}, {"name": {"$regex": "neill .*7$", "$options": "i"}}, {"tags": {"$size": 0}}]}',
		'[{"n": -1}, {"name": 1}]', '1 day', '{"k": null}'),
	(NULL, 'open', 'u', now() - interval '1 h', now() + '3 h', NULL, 5, 3, NULL, '{}', NULL, NULL, NULL),
	(NULL, 'manual', 'u', now() + '2 h', now() + '3 h', NULL, NULL, NULL, 4, '{"n": 1}', NULL, NULL, NULL),
	(NULL, 'ended', 'u', now() - interval '1 h', now() + '1 s', NULL, 1, NULL, NULL, '{}', NULL, NULL, NULL),
	(NULL, 'deleted', 'u', now() + '2 h', now() + '3 h', NULL, 1, NULL, NULL, '{"n": 9}', NULL, NULL, NULL);
UPDATE gig SET invitation_mode = 'manual' WHERE title = 'manual';

CREATE SCHEMA garden;
CREATE TABLE garden.item (id int, data jsonb, filter cirro.filter_query, sort cirro.sort_query,
	bytes bytea GENERATED ALWAYS AS (cirro.sort_key(data, '{"price": -1}')) STORED);
CREATE INDEX item_data_idx ON garden.item USING gin (data cirro.profile_ops);
CREATE INDEX item_key_idx ON garden.item (cirro.sort_key(data, '{"price": -1}'));
CREATE INDEX item_filter_idx ON garden.item USING hash (filter);
CREATE STATISTICS garden.item_data ON (cirro.profile_stats(data)) FROM garden.item;
INSERT INTO garden.item (id, data, filter, sort)
SELECT i, jsonb_build_object('price', i % 100, 'tags', ARRAY['t' || i % 7]), format('{"price": {"$gt": %s}}', i % 5), '{"price": -1, "tags": 1}'
FROM generate_series(1, 300) i;

-- tick
SET search_path = trees;
SELECT accept(id) FROM (SELECT id FROM invitation WHERE gig_id = 1 ORDER BY id LIMIT 2) i;
SELECT accept(id) FROM (SELECT id FROM invitation WHERE gig_id = 2 ORDER BY id LIMIT 2) i;
SELECT reject(id, 'no time') FROM (SELECT id FROM invitation WHERE gig_id = 2 AND status = 'pending' ORDER BY id LIMIT 2) i;
SELECT leave(id, 'ill') FROM (SELECT id FROM invitation WHERE gig_id = 2 AND status = 'accepted' LIMIT 1) i;
SELECT invite(3, '{1,2,3}', now() + '90 min');
SELECT invite(3, '{4,5}', auto_accept => true);
SELECT attempt_invitations(1), attempt_invitations(60, '{2,99}', 1);
DELETE FROM gig WHERE title = 'deleted';
-- Its archive_at is before its end_at.
INSERT INTO gig (title, url, start_at, end_at, total_seats, filter_query)
VALUES ('cancelled', 'u', now() + '2 h', now() + '3 h', 2, '{}');
SELECT invite(id, '{1,2}'), invite(id, '{3}', now() + '1 h') FROM gig WHERE title = 'cancelled';
SELECT archive(id, now() + '1 h') FROM cancel((SELECT id FROM gig WHERE title = 'cancelled'));
-- Delivered, put off, dead and to be tried again; out on a lease, and open, from a floor on.
SELECT confirm_notifications(max(claim)) FROM claim_notifications(7);
SELECT fail_notifications(max(claim), retry_at => now() + '1 day') FROM claim_notifications(1);
UPDATE setting SET max_attempts = 1;
SELECT fail_notifications(max(claim), error => 'no such address') FROM claim_notifications(2);
UPDATE setting SET max_attempts = NULL;
SELECT fail_notifications(max(claim), NULL, 'timeout', now() + '1 day') FROM claim_notifications(1);
SELECT count(*) FROM claim_notifications(2, '1 day');
SELECT cirro.raise_floor('trees', 'default');
UPDATE worker SET active = false WHERE id = 50;
DELETE FROM worker WHERE id = 59;
