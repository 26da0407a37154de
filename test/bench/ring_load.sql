-- test/bench/ring_load.sql: a Space whose gigs have a seat for each invitation but for
-- the first, and the table that ring.sh keeps its samples in. Decides nothing about what
-- is measured.
CREATE SCHEMA bench;
CREATE TABLE bench.sample (kind text, place text, us bigint);

SELECT cirro.create_space('crowd');
INSERT INTO crowd.worker (ref, profile) SELECT 'w' || n, jsonb_build_object('n', n) FROM generate_series(1, :invitations) n;
-- A hundred to a gig.
INSERT INTO crowd.gig (title, url, start_at, end_at, total_seats, invitation_mode, filter_query)
SELECT 'gig ' || n, 'https://example.org/' || n, now() + '1 day', now() + '2 days', 100, 'manual', '{}'
FROM generate_series(1, (:invitations + 99) / 100) n;
SELECT count(i.*) FROM crowd.gig g, LATERAL crowd.invite(g.id, ARRAY(SELECT (g.id - 1) * 100 + n FROM generate_series(1, 100) n
	WHERE (g.id - 1) * 100 + n <= :invitations)) i;
VACUUM ANALYZE;
