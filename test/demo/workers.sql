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
	SELECT repeat('█', done) || repeat('░', 12 - done) || format('  %s/%s', taken, seats)
	FROM CAST(least(12, 12 * taken / seats) AS int) AS done
$$;

-- What happened at this minute of the clock, one line each.
CREATE VIEW demo.news AS
SELECT rtrim(format('  %s  %s %s%s', to_char(cirro.now(), 'HH24:MI'), rpad(g.title, 22), rpad(what, 36), bar)) AS line
FROM (
	SELECT id, 1, 0, CASE cirro.now() WHEN start_at THEN 'starts' ELSE 'ends' END, NULL
	FROM crowd.gig WHERE cirro.now() IN (start_at, end_at)
	UNION ALL
	SELECT gig_id, 2, number, format('wave %s: ', number) || CASE outcome
			WHEN 'invited' THEN format('%s workers invited', invited)
			WHEN 'exhausted' THEN 'nobody left to invite'
			ELSE outcome END, demo.bar(accepted, target)
	FROM crowd.wave WHERE run_at = cirro.now() AND repeats = 0
	UNION ALL
	SELECT gig_id, 3, 0, format('scheduled invitations sent: %s', count(*)), NULL
	FROM crowd.invitation WHERE origin = 'manual' AND send_at IS NOT NULL AND invited_at = cirro.now()
	GROUP BY gig_id
	UNION ALL
	SELECT gig_id, 4, id, 'a worker falls ill: a seat is free', NULL
	FROM crowd.invitation WHERE status = 'left' AND responded_at = cirro.now()
	UNION ALL
	SELECT gig_id, 5, 0, 'enough have accepted', demo.bar(s.accepted, s.target)
	FROM crowd.gig_status AS s
	WHERE accepted >= target AND accepted - target < (SELECT count(*) FROM crowd.invitation AS i
		WHERE i.gig_id = s.gig_id AND i.status = 'accepted' AND i.responded_at = cirro.now())
) AS event (gig_id, kind, n, what, bar)
JOIN crowd.gig AS g ON g.id = gig_id
ORDER BY kind, gig_id, n;

CREATE VIEW demo.seats AS
SELECT g.title AS gig, demo.bar(s.accepted, coalesce(s.capacity, s.target)) AS seats, s.phase, s.waves,
	s.pending, s.scheduled, s.accepted, s.rejected, s.expired, s.departed AS left
FROM crowd.gig_status AS s JOIN crowd.gig AS g ON g.id = s.gig_id
ORDER BY g.id;
