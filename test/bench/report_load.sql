-- test/bench/report_load.sql: what report.sh measures: a Space that holds two months
-- of a large crowd's life, and where the times go.
\set QUIET on
SET client_min_messages = warning;
SELECT cirro.create_space('space');
CREATE SCHEMA bench;
CREATE TABLE bench.run (page text, ms float8, bytes int);
INSERT INTO space.consumer (name) VALUES ('mailer');
INSERT INTO space.worker (id) SELECT generate_series(1, :invitations);

-- Titles as long as any is shown; half of the gigs are over, but not the first.
SET session_replication_role = replica;
INSERT INTO space.gig (id, title, url, start_at, end_at, created_at, total_seats, invitation_frequency, invitation_multiplier, filter_query)
SELECT g, rpad('Gig ' || g || ' <&"', 200, ' & many more words'), 'https://gig', s.at, s.at + interval '2 hours',
	now() - interval '90 days', :invitations / :gigs, '5 minutes', 10, '{}'
FROM generate_series(1, :gigs) g
CROSS JOIN LATERAL (SELECT now() + CASE WHEN g = 1 OR g % 2 = 0 THEN g ELSE -g END * interval '1 hour' AS at) s;

-- A tenth of them to the first gig; one in eight accepts, one in six rejects.
INSERT INTO space.invitation (id, gig_id, worker_id, status, reason, origin, invited_at, responded_at, created_at)
SELECT i, CASE WHEN i % 10 = 0 THEN 1 ELSE 1 + i % :gigs END, i, a.status,
	CASE a.status WHEN 'expired' THEN CASE i % 3 WHEN 0 THEN 'no_answer' ELSE 'seats_filled' END END, 'wave', t.at,
	CASE WHEN a.status IN ('accepted', 'rejected', 'left') THEN t.at + (i % 977) * interval '1 minute' END, t.at
FROM generate_series(1, :invitations) i
CROSS JOIN LATERAL (SELECT now() - interval '50 days' + (i % 4000000) * interval '1 second' AS at) t
CROSS JOIN LATERAL (SELECT (ARRAY['accepted', 'accepted', 'accepted', 'rejected', 'rejected', 'rejected', 'rejected', 'left',
	'pending', 'pending', 'pending', 'pending', 'pending', 'pending', 'pending', 'pending', 'expired', 'expired', 'expired',
	'expired', 'expired', 'expired', 'expired', 'expired'])[1 + abs(hashint8(i) % 24)] AS status) a;
INSERT INTO space.event (at, kind, gig_id, worker_id, invitation_id, revision, status, previous)
SELECT i.invited_at, 'invitation.created', i.gig_id, i.worker_id, i.id, 1, 'pending', NULL FROM space.invitation i
UNION ALL
SELECT coalesce(i.responded_at, now()), 'invitation.updated', i.gig_id, i.worker_id, i.id, 2, i.status, 'pending'
FROM space.invitation i WHERE i.status <> 'pending' ORDER BY 1;
INSERT INTO space.notification (consumer, event_id, outcome, delivered_at)
SELECT 'mailer', e.id, CASE WHEN e.id % 20 > 0 THEN 'delivered' END, CASE WHEN e.id % 20 > 0 THEN now() END
FROM space.event e ORDER BY e.id;
INSERT INTO space.wave (gig_id, number, run_at, target, accepted, wanted, invited, outcome, took)
SELECT g, n, now() - interval '40 days' + n * interval '1 hour', 100, n, 100, 90, 'invited', '10 ms'
FROM generate_series(1, :gigs) g, generate_series(1, 20) n;
SET session_replication_role = origin;
ANALYZE;
SELECT space.rebuild_state();

CREATE PROCEDURE bench.measure(page text, gig bigint)
LANGUAGE plpgsql AS $$
DECLARE
	started timestamptz := clock_timestamp();
	bytes int := octet_length(cirro.report('space', gig));
BEGIN
	INSERT INTO bench.run VALUES (page, extract(epoch FROM clock_timestamp() - started) * 1000, bytes);
END $$;
