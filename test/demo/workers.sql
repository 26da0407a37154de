-- test/demo/workers.sql: how the demo's workers behave. It takes the place of
-- the people, not of anything in cirro.
--
-- Decides by a hash of worker and gig who accepts (one in eight), who refuses
-- (one in four), who never answers (the rest), how long each takes and who
-- leaves again. Must not change anything: the view answer only holds the calls
-- that are due by cirro's clock.

CREATE SCHEMA demo;

CREATE VIEW demo.answer AS
SELECT CASE
		WHEN status = 'accepted' THEN format('SELECT crowd.leave(%s, ''fell ill'')', id)
		WHEN yes_no < 0.125 THEN format('SELECT crowd.try_accept(%s)', id)
		ELSE format('SELECT crowd.reject(id, ''no time'') FROM crowd.invitation WHERE id = %s AND status = ''pending''', id)
	END AS call, gig_id, id AS invitation_id, yes_no < 0.125 AS yes
FROM (
	SELECT i.id, i.gig_id, i.status, i.invited_at, i.responded_at,
		(hashint8extended(i.worker_id, i.gig_id) & 1023) / 1024.0 AS yes_no,
		(hashint8extended(i.worker_id, i.gig_id + 1000) & 1023) / 1024.0 AS slowness,
		(hashint8extended(i.worker_id, i.gig_id + 2000) & 1023) / 1024.0 AS health
	FROM crowd.invitation AS i) AS person
WHERE status = 'pending' AND yes_no < 0.375
		AND invited_at + slowness ^ 2 * interval '1 hour' <= cirro.now()
	OR status = 'accepted' AND health < 0.1
		AND responded_at + interval '40 minutes' <= cirro.now()
ORDER BY slowness, id;

CREATE FUNCTION demo.bar(taken bigint, seats bigint) RETURNS text
LANGUAGE sql IMMUTABLE AS $$
	SELECT repeat('█', full_) || repeat('░', 12 - full_) || format('  %s/%s', taken, seats)
	FROM least(12, 12 * taken / seats) AS full_
$$;

-- What happened at this minute of the clock, one line each.
CREATE VIEW demo.news AS
SELECT format('  %s  %s %s', to_char(cirro.now(), 'HH24:MI'), rpad(g.title, 22), what) AS line
FROM (
	SELECT gig_id, 1, number, format('wave %s %s workers invited   %s', rpad(number::text, 4),
		lpad(invited::text, 4), demo.bar(accepted, target))
	FROM crowd.wave WHERE run_at = cirro.now()
	UNION ALL
	SELECT gig_id, 2, 0, format('%s scheduled invitations are sent', count(*))
	FROM crowd.invitation WHERE send_at IS NOT NULL AND invited_at = cirro.now() AND origin = 'manual'
	GROUP BY gig_id
	UNION ALL
	SELECT gig_id, 3, id, 'a worker fell ill and leaves: one seat is free again'
	FROM crowd.invitation WHERE status = 'left' AND responded_at = cirro.now()
	UNION ALL
	SELECT s.gig_id, 4, 0, format('all seats are taken            %s', demo.bar(s.accepted, s.target))
	FROM crowd.gig_status AS s
	WHERE s.accepted >= s.target AND EXISTS (SELECT FROM crowd.invitation AS i
		WHERE i.gig_id = s.gig_id AND i.status = 'accepted' AND i.responded_at = cirro.now())
		AND s.accepted - s.target < (SELECT count(*) FROM crowd.invitation AS i
			WHERE i.gig_id = s.gig_id AND i.status = 'accepted' AND i.responded_at = cirro.now())
) AS event (gig_id, kind, n, what)
JOIN crowd.gig AS g ON g.id = gig_id
ORDER BY kind, gig_id, n;

CREATE VIEW demo.seats AS
SELECT g.title AS gig, demo.bar(s.accepted, s.target) AS seats, s.phase, s.waves,
	s.pending, s.scheduled, s.accepted, s.rejected, s.expired, s.departed AS left
FROM crowd.gig_status AS s JOIN crowd.gig AS g ON g.id = s.gig_id
ORDER BY g.id;
