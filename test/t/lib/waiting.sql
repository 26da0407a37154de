-- test/t/lib/waiting.sql: who watches histories of those who wait.
--
-- Space "trees", empty, and schema "soak": moment() says what is wrong in one snapshot
-- while clients are at work, wrong() what is wrong when they are done, triggers named
-- "watch" what is wrong in the middle of a transaction; forget() empties the Space.
-- Must not change what cirro does: the triggers only write into schema "soak".

SET client_min_messages = warning;
CREATE EXTENSION cirro;
SELECT cirro.create_space('trees');
CREATE SCHEMA soak;

-- Gigs whose seats change, and the most that they ever have.
CREATE TABLE soak.gig (gig_id bigint PRIMARY KEY, most int, is_changed boolean NOT NULL);
CREATE TABLE soak.bad (what text NOT NULL);
CREATE TABLE soak.told (gig_id bigint, tx xid8, n int, PRIMARY KEY (gig_id, tx));

-- What is at any moment so. Seats that are lowered evict nobody.
CREATE FUNCTION soak.moment() RETURNS SETOF text LANGUAGE plpgsql STABLE AS $$
BEGIN
	RETURN QUERY
	SELECT format('gig %s: %s accepted (%s counted) of %s, at most %s; %s waiting (%s counted), of them %s active; next event %s',
		s.gig_id, c.accepted, s.accepted, s.capacity, k.most, c.waiting, s.waiting, c.active, s.next_event_at)
	FROM trees.gig_state s
	JOIN soak.gig k ON k.gig_id = s.gig_id
	LEFT JOIN (
		SELECT i.gig_id, count(*) FILTER (WHERE i.status = 'accepted') AS accepted,
			count(*) FILTER (WHERE i.status = 'waiting') AS waiting,
			count(*) FILTER (WHERE i.status = 'waiting' AND w.active) AS active
		FROM trees.invitation i JOIN trees.worker w ON w.id = i.worker_id GROUP BY i.gig_id) c ON c.gig_id = s.gig_id
	WHERE s.accepted <> coalesce(c.accepted, 0) OR s.waiting <> coalesce(c.waiting, 0)
	OR c.accepted > k.most OR (c.accepted > s.capacity AND NOT k.is_changed)
	OR (s.closes_at > clock_timestamp() AND c.active > 0 AND coalesce(s.accepted < s.capacity, true)
		AND coalesce(s.next_event_at > clock_timestamp(), true));

	RETURN QUERY
	SELECT format('invitation %s has place %s, not %s', v.invitation_id, v.place, o.place)
	FROM trees.worker_invitation v
	JOIN (
		SELECT i.id, 1 + count(*) FILTER (WHERE w.active) OVER (PARTITION BY i.gig_id
			ORDER BY i.waiting_since, i.id ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS place
		FROM trees.invitation i JOIN trees.worker w ON w.id = i.worker_id
		WHERE i.status = 'waiting') o ON o.id = v.invitation_id
	WHERE v.status = 'waiting' AND v.place IS DISTINCT FROM o.place;
END $$;

-- A seat goes to who has waited longest, but for rows that were locked: those that
-- nobody has touched since the statement began were not. Who waits does not expire for
-- the seats.
CREATE FUNCTION soak.watch_invitation() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	IF NEW.status = 'expired' AND NEW.reason = 'seats_filled' THEN
		INSERT INTO soak.bad VALUES (format('invitation %s waited and expired for the seats', NEW.id));
	-- Given, not taken.
	ELSIF NEW.status = 'accepted' AND (pg_trigger_depth() > 1 OR current_query() ~ '^(CALL|SELECT .* trees.run_wave)') THEN
		INSERT INTO soak.bad
		SELECT format('invitation %s, waiting since %s, was given a seat before %s, since %s', OLD.id, OLD.waiting_since,
			a.id, a.waiting_since)
		FROM trees.invitation a JOIN trees.worker w ON w.id = a.worker_id
		WHERE a.gig_id = OLD.gig_id AND a.status = 'waiting' AND w.active
		AND (a.waiting_since, a.id) < (OLD.waiting_since, OLD.id)
		AND pg_xact_commit_timestamp(a.xmin) < statement_timestamp()
		AND (a.xmax IN ('0', a.xmin) OR (a.xmax::text::bigint > 700 AND pg_xact_commit_timestamp(a.xmax) < statement_timestamp()))
		AND pg_xact_commit_timestamp(w.xmin) < statement_timestamp()
		FOR SHARE OF a SKIP LOCKED;
	END IF;
	RETURN NULL;
END $$;
CREATE TRIGGER watch AFTER UPDATE ON trees.invitation FOR EACH ROW
	WHEN (OLD.status = 'waiting' AND NEW.status <> 'waiting') EXECUTE FUNCTION soak.watch_invitation();

CREATE FUNCTION soak.watch_state() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO soak.bad VALUES (format('gig %s has %s of %s', NEW.gig_id, NEW.accepted, NEW.capacity));
	RETURN NULL;
END $$;
CREATE TRIGGER watch AFTER UPDATE ON trees.gig_state FOR EACH ROW
	WHEN (NEW.accepted > OLD.accepted AND NEW.accepted > NEW.capacity) EXECUTE FUNCTION soak.watch_state();

-- What was told last of a gig is so when it is committed, and one statement does not
-- tell that a seat is free which somebody has who waited for it. (In waves triggers
-- cannot be deferred.)
CREATE FUNCTION soak.watch_event() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO soak.bad
	SELECT format('told %s, but gig %s has %s of %s', NEW.kind, s.gig_id, s.accepted, coalesce(s.capacity, s.target))
	FROM trees.gig_state s
	WHERE s.gig_id = NEW.gig_id AND s.closes_at > clock_timestamp()
	AND (s.accepted >= coalesce(s.capacity, s.target)) <> (NEW.kind = 'gig.filled')
	AND NOT EXISTS (SELECT FROM trees.event e WHERE e.gig_id = NEW.gig_id AND e.id > NEW.id
		AND e.kind IN ('gig.filled', 'gig.reopened'));
	IF current_setting('soak.single', true) = 'on' THEN
		INSERT INTO soak.told AS t VALUES (NEW.gig_id, pg_current_xact_id(), 1)
		ON CONFLICT (gig_id, tx) DO UPDATE SET n = t.n + 1;
	END IF;
	RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER watch AFTER INSERT ON trees.event DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
	WHEN (NEW.kind IN ('gig.filled', 'gig.reopened') AND current_query() !~ 'run_wave') EXECUTE FUNCTION soak.watch_event();

-- They cost cirro the short way of writing rows: half of the histories go without.
CREATE FUNCTION soak.watch(is_on boolean) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	name text;
BEGIN
	FOREACH name IN ARRAY '{invitation,gig_state,event}'::text[] LOOP
		EXECUTE format('ALTER TABLE trees.%I %s TRIGGER watch', name, CASE WHEN is_on THEN 'ENABLE' ELSE 'DISABLE' END);
	END LOOP;
END $$;

-- When all are done; "ticked" is a time before the ticks that came afterwards.
CREATE FUNCTION soak.wrong(ticked timestamptz DEFAULT NULL) RETURNS SETOF text LANGUAGE plpgsql STABLE AS $$
BEGIN
	RETURN QUERY
	SELECT b.what FROM soak.bad b
	UNION ALL
	SELECT format('told %s times in one statement: gig %s', t.n, t.gig_id) FROM soak.told t WHERE t.n > 1
	UNION ALL
	SELECT 'inconsistent: ' || c FROM trees.check_consistency() c
	UNION ALL
	SELECT 'at the end: ' || m FROM soak.moment() m
	UNION ALL
	SELECT format('%s of gig %s after %s', e.kind, e.gig_id, e.previous) FROM (
		SELECT v.gig_id, v.kind, lag(v.kind, 1, 'gig.reopened') OVER (PARTITION BY v.gig_id ORDER BY v.id) AS previous
		FROM trees.event v WHERE v.kind IN ('gig.filled', 'gig.reopened')) e
	WHERE e.kind = e.previous
	UNION ALL
	SELECT format('gig %s has %s of %s, but %s was told last', s.gig_id, s.accepted, coalesce(s.capacity, s.target), e.kind)
	FROM trees.gig_state s
	LEFT JOIN (SELECT DISTINCT ON (v.gig_id) v.gig_id, v.kind FROM trees.event v
		WHERE v.kind IN ('gig.filled', 'gig.reopened') ORDER BY v.gig_id, v.id DESC) e ON e.gig_id = s.gig_id
	WHERE s.closes_at > now() + interval '1 h'
	AND (s.accepted >= coalesce(s.capacity, s.target)) <> (coalesce(e.kind, '') = 'gig.filled')
	UNION ALL
	SELECT format('invitation %s is %s since %s', i.id, i.status, i.waiting_since) FROM trees.invitation i
	WHERE (i.status = 'waiting') <> (i.waiting_since IS NOT NULL)
	UNION ALL
	SELECT format('invitation %s is %s, and that was told %s times', i.id, i.status, count(e.id))
	FROM trees.invitation i LEFT JOIN trees.event e ON (e.invitation_id, e.revision, e.status) = (i.id, i.revision, i.status)
		AND e.kind LIKE 'invitation.%'
	WHERE i.status IN ('waiting', 'accepted') GROUP BY i.id HAVING count(e.id) <> 1
	UNION ALL
	SELECT format('invitation %s became %s from %s, not %s', e.invitation_id, e.status, e.previous, e.before) FROM (
		SELECT v.invitation_id, v.status, v.previous, v.revision,
			lag(v.status) OVER o AS before, lag(v.revision) OVER o AS last
		FROM trees.event v WHERE v.kind LIKE 'invitation.%' WINDOW o AS (PARTITION BY v.invitation_id ORDER BY v.revision)) e
	WHERE e.last = e.revision - 1 AND e.previous IS DISTINCT FROM e.before
	UNION ALL
	SELECT format('gig %s: %s wait, gig_status says %s', g.gig_id, s.waiting, g.waiting)
	FROM trees.gig_status g JOIN trees.gig_state s ON s.gig_id = g.gig_id
	WHERE g.waiting <> CASE WHEN s.closes_at > cirro.now() THEN s.waiting ELSE 0 END
	UNION ALL
	SELECT format('wave of gig %s failed: %s', w.gig_id, w.error) FROM trees.wave w WHERE w.outcome = 'failed'
	UNION ALL
	SELECT format('invitation %s is %s though gig %s has %s of %s seats and ends at %s', i.id, i.status, s.gig_id,
		s.accepted, s.capacity, s.closes_at)
	FROM trees.invitation i JOIN trees.gig_state s ON s.gig_id = i.gig_id JOIN trees.worker w ON w.id = i.worker_id
	WHERE (i.status IN ('pending', 'scheduled', 'waiting') AND s.closes_at <= wrong.ticked)
	OR (i.status IN ('pending', 'scheduled') AND wrong.ticked IS NOT NULL AND s.expires_rest AND s.accepted >= s.capacity)
	OR (i.status = 'waiting' AND w.active AND wrong.ticked IS NOT NULL AND s.closes_at > clock_timestamp()
		AND coalesce(s.accepted < s.capacity, true));
END $$;

-- The next history begins with nothing; tells how many seats were given to who waited.
CREATE FUNCTION soak.forget() RETURNS bigint LANGUAGE plpgsql SET session_replication_role = replica AS $$
DECLARE
	given bigint;
BEGIN
	SELECT count(*) INTO given FROM trees.event e WHERE e.previous = 'waiting' AND e.status = 'accepted';
	DELETE FROM trees.notification;
	DELETE FROM trees.event;
	DELETE FROM trees.attempt;
	DELETE FROM trees.wave;
	DELETE FROM trees.invitation;
	DELETE FROM trees.gig_key;
	DELETE FROM trees.gig_filter;
	DELETE FROM trees.gig_state;
	DELETE FROM trees.gig;
	DELETE FROM trees.worker;
	DELETE FROM soak.gig;
	DELETE FROM soak.told;
	DELETE FROM soak.bad;
	RETURN given;
END $$;
