-- test/clients/loop.sql: what the loop of a client has to leave behind. Raises an
-- error that names what is not there, so that a client which does nothing, or
-- writes a filter as a string of JSON in JSON, fails.
--
-- The loop, which each *_loop file does in its client's idiom:
--   1. three workers with profiles: ada and eve speak German, bob does not
--   2. gig plant, one seat, its filter {"languages": "de", "rating": {"$gte": 4}}
--   3. CALL cirro.run_waves('trees'), outside of a transaction block
--   4. ada finds her invitation in the view worker_invitation and accepts it
--   5. eve's accept fails with UG011; a gig that ends before it starts fails with
--      23514, and names its column and constraint
--   6. four notifications are claimed, and confirmed by claim and ids
-- Run by the owner in the database of that client.

DO $$
DECLARE
	missing text;
BEGIN
	SELECT string_agg(m.what, '; ') INTO missing
	FROM (
		SELECT 'the profile of ' || e.ref || ' is ' || coalesce(w.profile::text, 'missing')
		FROM (VALUES
			('ada', '{"name": "Ada", "languages": ["de", "en"], "rating": 4.5}'::jsonb),
			('bob', '{"name": "Bob", "languages": ["fr"], "rating": 5}'),
			('eve', '{"name": "Eve", "languages": ["de"], "rating": 4}')) AS e(ref, profile)
		LEFT JOIN trees.worker w USING (ref)
		WHERE w.profile IS DISTINCT FROM e.profile
		UNION ALL
		SELECT 'the gig is ' || coalesce(row_to_json(g)::text, 'missing')
		FROM (VALUES ('plant')) AS e(ref)
		LEFT JOIN trees.gig g USING (ref)
		WHERE (g.title, g.total_seats, g.filter_query, g.end_at - g.start_at) IS DISTINCT FROM
			('Plant trees', 1, '{"languages": "de", "rating": {"$gte": 4}}'::jsonb, interval '2 hours')
			OR g.start_at < now()
		UNION ALL
		SELECT 'there is a gig ' || g.title
		FROM trees.gig g
		WHERE g.title = 'Ends before it starts'
		UNION ALL
		SELECT 'invited are ' || coalesce(string_agg(concat_ws(' ', i.ref, i.status, i.origin), ', '), 'nobody')
		FROM (
			SELECT w.ref, i.status, i.origin
			FROM trees.invitation i
			JOIN trees.gig g ON g.id = i.gig_id
			JOIN trees.worker w ON w.id = i.worker_id
			WHERE g.ref = 'plant'
			ORDER BY w.ref) i
		HAVING string_agg(concat_ws(' ', i.ref, i.status, i.origin), ', ') IS DISTINCT FROM
			'ada accepted wave, eve pending wave'
		UNION ALL
		SELECT 'the notifications are ' || coalesce(string_agg(concat_ws(' ', n.kind, n.ref, n.outcome), ', '), 'none')
		FROM (
			SELECT e.kind, w.ref, n.outcome
			FROM trees.notification n
			JOIN trees.event e ON e.id = n.event_id
			JOIN trees.gig g ON g.id = e.gig_id
			LEFT JOIN trees.worker w ON w.id = e.worker_id
			WHERE g.ref = 'plant'
			ORDER BY e.kind, w.ref) n
		HAVING string_agg(concat_ws(' ', n.kind, n.ref, n.outcome), ', ') IS DISTINCT FROM
			'gig.filled delivered, invitation.created ada delivered, invitation.created eve delivered,'
			' invitation.updated ada delivered'
	) AS m(what);
	IF missing IS NOT NULL THEN
		RAISE EXCEPTION 'the loop is not done: %', missing;
	END IF;
END $$;
