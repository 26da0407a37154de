-- test/t/lib/rules.sql: a Space with all the rules of the manual at once, and who
-- watches whether waves keep them.
--
-- Space "trees": 240 workers who pause, go away, live all over the world and take part
-- in gigs that overlap, have labels and tiers. The functions of docs/rules.md are there
-- already, with shorter times (test/t/020_rules.pl). Schema "soak": act() does one
-- random thing; broken() looks afterwards, in the history that events are, for
-- invitations that a rule should have kept from being, by queries of its own. Must
-- not use the functions that it judges.

CREATE SCHEMA soak;

-- ------------------------------------------------------------ the Space --

ALTER TABLE trees.gig ADD COLUMN label text;
CREATE INDEX ON trees.gig (label);
CREATE TABLE trees.zone AS SELECT name FROM pg_timezone_names;
ALTER TABLE trees.zone ADD PRIMARY KEY (name);

-- What does not change about workers and gigs, for those who look back.
CREATE TABLE soak.worker (worker_id bigint PRIMARY KEY, favourite boolean, city text, joined date, zone text);
INSERT INTO soak.worker
SELECT n, n % 4 = 0, (ARRAY['Berlin', 'Hamburg', 'Lima'])[1 + n % 3], current_date - 15 * (n % 5),
	(ARRAY['Europe/Berlin', 'America/Lima', 'Asia/Tokyo', 'Pacific/Auckland', 'America/New_York', 'Asia/Kolkata', 'Utopia', NULL])[1 + n % 8]
FROM generate_series(1, 240) n;
-- "by": wave, attempt or hand invites to it.
CREATE TABLE soak.gig (gig_id bigint PRIMARY KEY, by text, city text, joined_before date, tier interval, label text,
	start_at timestamptz, end_at timestamptz, created_at timestamptz, answer_within interval);
CREATE SEQUENCE soak.gig_id;

-- What does.
CREATE TABLE soak.version (worker_id bigint, active boolean, paused_until text, away jsonb);
CREATE INDEX ON soak.version (worker_id);
CREATE FUNCTION soak.note_worker() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO soak.version VALUES (NEW.id, NEW.active, NEW.profile ->> 'paused_until', NEW.profile -> 'away');
	RETURN NULL;
END $$;
CREATE TRIGGER note AFTER INSERT OR UPDATE ON trees.worker FOR EACH ROW EXECUTE FUNCTION soak.note_worker();

INSERT INTO trees.worker (id, profile)
SELECT w.worker_id, jsonb_strip_nulls(jsonb_build_object('favourite', w.favourite, 'city', w.city, 'joined', w.joined, 'zone', w.zone,
	'last_invited', '2000-01-01'))
FROM soak.worker w;

UPDATE trees.setting SET default_frequency = '1 s', default_multiplier = 2, eligible = 'house_rules';

-- --------------------------------------------------------------- traffic --

CREATE TABLE soak.log (op text, sqlstate text, message text);
CREATE TABLE soak.expected (op text, sqlstate text);
INSERT INTO soak.expected VALUES (NULL, 'ok'), (NULL, 'UG003'), (NULL, 'UG010'), (NULL, 'UG011'), (NULL, 'UG012'), (NULL, 'UG013'),
	-- He is at work then.
	('accept', 'UG014'),
	('seats', 'UG020'), ('cancel', 'UG020'), ('cancel', 'UG002'), ('run_wave', 'UG010');

CREATE FUNCTION soak.new_gig(a int, b int, made_by text, in_city text, with_label text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	id CONSTANT bigint := nextval('soak.gig_id');
	day CONSTANT timestamptz := date_trunc('day', now()) + make_interval(days => 2 + a % 4);
	g soak.gig := (id, made_by, in_city, CASE WHEN b % 3 = 0 THEN current_date - 30 END, CASE WHEN a % 3 = 0 THEN interval '2 s' END, with_label,
		day + make_interval(hours => b % 20), day + make_interval(hours => b % 20 + 2 + a % 9), clock_timestamp(),
		CASE WHEN b % 2 = 0 THEN interval '1 s' END);
	others jsonb := jsonb_strip_nulls(jsonb_build_object('city', g.city, 'joined',
		CASE WHEN g.joined_before IS NOT NULL THEN '{"$lte": {"$now": "-30 days"}}'::jsonb END));
BEGIN
	INSERT INTO trees.gig (id, label, title, url, start_at, end_at, total_seats, seats_max, invitation_mode, invitation_multiplier,
		answer_within, filter_query, sort_query)
	VALUES (id, g.label, 'g', 'u', g.start_at, g.end_at, CASE WHEN a % 2 = 0 THEN 1 + b % 3 END, CASE WHEN a % 2 = 1 THEN 1 + b % 3 END,
		CASE made_by WHEN 'wave' THEN 'auto' ELSE 'manual' END, 1 + b % 4, g.answer_within,
		CASE WHEN g.tier IS NULL THEN others
			ELSE jsonb_build_object('$or', jsonb_build_array(others || '{"favourite": true}', others || '{"$gig.open_for": {"$gte": "2 seconds"}}')) END,
		CASE WHEN b % 4 = 0 THEN '{"last_invited": 1}'::jsonb END)
	RETURNING created_at INTO g.created_at;
	INSERT INTO soak.gig VALUES (g.*);
	RETURN id;
END $$;

CREATE FUNCTION soak.act(a int, b int, c int) RETURNS void LANGUAGE plpgsql AS $$
#variable_conflict use_variable
DECLARE
	ops CONSTANT text[] := '{accept,accept,accept,accept,wait,wait,wait,wait,wait,reject,reject,reject,leave,leave,pause,pause,pause,away,active,active,'
		'gig,gig,gig,gig,group,cancel,cancel,attempt,attempt,attempt,hand,seats,seats,last invited,explain,look,run_wave}';
	what CONSTANT text := ops[1 + a % cardinality(ops)];
	person CONSTANT bigint := 1 + b % 240;
	-- One of the last, of which some are full.
	gig CONSTANT bigint := greatest((SELECT s.last_value FROM soak.gig_id s) - c % 40, 1);
	inv CONSTANT bigint := (SELECT i.id FROM trees.invitation i WHERE i.gig_id = gig
		ORDER BY i.status = CASE what WHEN 'leave' THEN 'accepted' WHEN 'wait' THEN (ARRAY['pending', 'expired'])[1 + b % 2] ELSE 'pending' END DESC,
			(i.worker_id + b) % 241 LIMIT 1);
	name text;
BEGIN
	CASE what
		WHEN 'accept' THEN PERFORM trees.accept(inv);
		WHEN 'wait' THEN PERFORM trees.try_accept(inv, true);
		WHEN 'reject' THEN PERFORM trees.reject(inv);
		WHEN 'leave' THEN PERFORM trees.leave(inv);
		WHEN 'pause' THEN UPDATE trees.worker SET profile = CASE WHEN c % 3 = 0 THEN profile || jsonb_build_object('paused_until', current_date + 3)
			WHEN c % 3 = 1 THEN profile - 'paused_until' ELSE profile || jsonb_build_object('paused_until', current_date - 3) END WHERE id = person;
		WHEN 'away' THEN UPDATE trees.worker SET profile = profile || jsonb_build_object('away', jsonb_build_array(
			jsonb_build_object('from', current_date + 1 + c % 4, 'to', current_date + 2 + c % 4))) WHERE id = person;
		WHEN 'active' THEN UPDATE trees.worker SET active = c % 4 > 0 WHERE id = person;
		WHEN 'gig' THEN PERFORM soak.new_gig(b, c / 16, (ARRAY['wave', 'wave', 'wave', 'wave', 'attempt', 'hand'])[1 + a / 100 % 6],
			(ARRAY['Berlin', 'Hamburg', 'Lima', NULL])[1 + a / 1000 % 4], CASE WHEN a / 10000 % 2 = 0 THEN 'l' || b % 5 END) WHERE c % 16 = 0;
		WHEN 'group' THEN PERFORM soak.new_gig(b, c / 16, 'wave', u.city, 'group ' || gig) FROM unnest(ARRAY['Berlin', 'Hamburg', NULL]) u (city) WHERE c % 16 = 0;
		-- Old ones, so that people have time again; and some others.
		WHEN 'cancel' THEN PERFORM trees.cancel(x.id) FROM (SELECT g.id FROM trees.gig g WHERE g.cancelled_at IS NULL AND g.id < gig - 40
				ORDER BY g.id LIMIT 1) x;
			PERFORM trees.cancel(gig) WHERE c % 32 = 0;
		WHEN 'attempt' THEN PERFORM trees.attempt_invitations(person, ARRAY(SELECT s.gig_id FROM soak.gig s
			WHERE s.by = 'attempt' ORDER BY s.gig_id DESC LIMIT 5), 1);
		WHEN 'hand' THEN PERFORM trees.invite((SELECT max(s.gig_id) FROM soak.gig s WHERE s.by = 'hand'), ARRAY[person, 241 - person])
			WHERE EXISTS (SELECT FROM soak.gig s WHERE s.by = 'hand');
		WHEN 'seats' THEN UPDATE trees.gig SET total_seats = CASE WHEN total_seats IS NOT NULL THEN 1 + b % 4 END,
			seats_max = CASE WHEN seats_max IS NOT NULL THEN 1 + b % 4 END WHERE id = gig;
		WHEN 'last invited' THEN UPDATE trees.worker w SET profile = jsonb_set(w.profile, '{last_invited}', to_jsonb(i.day))
			FROM (SELECT i.worker_id, to_char(max(i.invited_at), 'YYYY-MM-DD"T"HH24:MI:SS') AS day FROM trees.invitation i
				WHERE i.worker_id = person GROUP BY 1) i
			WHERE w.id = i.worker_id AND w.profile ->> 'last_invited' IS DISTINCT FROM i.day;
		WHEN 'explain' THEN PERFORM trees.explain_invitation(person, gig) WHERE EXISTS (SELECT FROM trees.gig g WHERE g.id = gig);
		WHEN 'look' THEN PERFORM FROM trees.worker_invitation v JOIN trees.gig_status s USING (gig_id) WHERE v.worker_id = person;
			PERFORM cirro.lint(g.filter_query) FROM trees.gig g WHERE g.id = gig;
			PERFORM trees.preview(g.filter_query, g.sort_query, 5) FROM trees.gig g WHERE g.id = gig;
		WHEN 'run_wave' THEN PERFORM trees.run_wave(g.id) FROM trees.gig g WHERE g.id = gig AND g.invitation_mode = 'auto';
	END CASE;
	INSERT INTO soak.log VALUES (what, 'ok');
EXCEPTION
	WHEN deadlock_detected OR serialization_failure THEN
		RAISE;
	WHEN OTHERS THEN
		INSERT INTO soak.log VALUES (what, SQLSTATE, SQLERRM);
END $$;

CREATE FUNCTION soak.unexpected() RETURNS SETOF text LANGUAGE sql STABLE AS $$
	SELECT format('%s, %s times %s: %s', l.op, count(*), l.sqlstate, min(l.message)) FROM soak.log l
	WHERE NOT EXISTS (SELECT FROM soak.expected e WHERE e.sqlstate = l.sqlstate AND coalesce(e.op = l.op, true))
	GROUP BY l.op, l.sqlstate
$$;

-- --------------------------------------------------------------- judging --

-- What happened to invitations, with when it was committed; each until the next of its
-- invitation.
CREATE TABLE soak.happened (id bigint PRIMARY KEY, at timestamptz, committed timestamptz, gig_id bigint, worker_id bigint,
	invitation_id bigint, status text, until_at timestamptz, until_committed timestamptz, by text);
CREATE INDEX ON soak.happened (worker_id);
CREATE TABLE soak.was (worker_id bigint, active boolean, paused_until text, away jsonb, committed timestamptz, until_committed timestamptz);
CREATE INDEX ON soak.was (worker_id);

-- What was committed so long before somebody looked was seen by him.
CREATE FUNCTION soak.slack() RETURNS interval LANGUAGE sql IMMUTABLE AS $$ SELECT interval '0.3 s' $$;

CREATE FUNCTION soak.look_back() RETURNS bigint LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO soak.happened
	SELECT e.id, e.at, pg_xact_commit_timestamp(e.xmin), e.gig_id, e.worker_id, e.invitation_id, e.status,
		lead(e.at) OVER o, coalesce(lead(pg_xact_commit_timestamp(e.xmin)) OVER o, 'infinity'), g.by
	FROM trees.event e JOIN soak.gig g ON g.gig_id = e.gig_id WHERE e.kind LIKE 'invitation.%'
	WINDOW o AS (PARTITION BY e.invitation_id ORDER BY e.revision);
	INSERT INTO soak.was
	SELECT v.worker_id, v.active, v.paused_until, v.away, v.committed, coalesce(lead(v.committed) OVER (PARTITION BY v.worker_id ORDER BY v.committed), 'infinity')
	FROM (SELECT n.*, pg_xact_commit_timestamp(n.xmin) AS committed FROM soak.version n) v;
	ANALYZE soak.happened, soak.was, soak.gig, soak.worker;
	RETURN (SELECT count(*) FROM soak.happened h WHERE h.status = 'pending' AND h.by = 'wave');
END $$;

-- Each row is an invitation by a wave, or an attempt, that a rule forbids. Waves come one
-- after the other, and see all that those before have done; what others did they see if it
-- was committed before they began, which is what "at" tells.
CREATE FUNCTION soak.broken() RETURNS TABLE (rule text, what text) LANGUAGE sql STABLE AS $$
	WITH e AS (
		SELECT h.*, g.start_at, g.end_at, g.label, g.city, g.joined_before, g.tier, g.created_at
		FROM soak.happened h JOIN soak.gig g ON g.gig_id = h.gig_id WHERE h.status = 'pending' AND h.by IN ('wave', 'attempt')),
	-- Who was invited where beside it.
	o AS (
		SELECT e.id, e.gig_id, e.worker_id, e.at, e.committed, e.start_at, e.end_at, e.label, h.gig_id AS other_gig, h.at AS other_at, h.status,
			h.until_at, h.until_committed, h.committed AS other_committed,
			h.committed < e.at - soak.slack() OR (h.by = 'wave' AND e.by = 'wave' AND h.committed < e.committed AND h.status = 'pending') AS is_seen,
			h.until_committed > e.committed + soak.slack() AS is_still_so,
			g.start_at AS other_start, g.end_at AS other_end, g.label AS other_label, g.answer_within AS other_within,
			coalesce(t.cancelled_at < e.committed + soak.slack(), false) AS may_be_cancelled
		FROM e JOIN soak.happened h ON h.worker_id = e.worker_id AND h.id <> e.id
		JOIN soak.gig g ON g.gig_id = h.gig_id JOIN trees.gig t ON t.id = h.gig_id)
	SELECT 'two a week', format('worker %s to gig %s at %s, but to %s', o.worker_id, o.gig_id, o.at, array_agg(DISTINCT o.other_gig))
	FROM o WHERE o.is_seen AND o.status = 'pending' AND o.other_at > o.at - interval '5 s'
	GROUP BY o.id, o.worker_id, o.gig_id, o.at HAVING count(DISTINCT o.other_gig) >= 2
	UNION ALL
	SELECT 'rested', format('worker %s to gig %s at %s, declined %s at %s', o.worker_id, o.gig_id, o.at, o.other_gig, o.other_at)
	FROM o WHERE o.is_seen AND o.status = 'rejected' AND o.other_at > o.at - interval '3 s'
	UNION ALL
	SELECT 'rested', format('worker %s to gig %s at %s, did not answer %s of %s', o.worker_id, o.gig_id, o.at, o.other_gig, o.other_at)
	FROM o WHERE o.is_seen AND o.status = 'pending' AND o.other_at > o.at - interval '3 s'
	AND o.other_at + o.other_within <= o.at AND coalesce(o.until_at >= o.other_at + o.other_within, true)
	UNION ALL
	SELECT 'free then', format('worker %s to gig %s at %s, had accepted %s', o.worker_id, o.gig_id, o.at, o.other_gig)
	FROM o WHERE o.is_seen AND o.status = 'accepted' AND o.is_still_so AND o.other_gig <> o.gig_id AND NOT o.may_be_cancelled
	AND o.start_at < o.other_end AND o.other_start < o.end_at
	UNION ALL
	SELECT 'new to label', format('worker %s to gig %s at %s, was %s to %s', o.worker_id, o.gig_id, o.at, o.status, o.other_gig)
	FROM o WHERE o.is_seen AND o.status IN ('accepted', 'waiting', 'pending') AND o.is_still_so AND o.other_gig <> o.gig_id
	AND o.other_label = o.label
	UNION ALL
	SELECT 'awake', format('worker %s to gig %s at %s in %s', e.worker_id, e.gig_id, e.at, w.zone)
	FROM e JOIN soak.worker w ON w.worker_id = e.worker_id
	WHERE extract(hour FROM e.at AT TIME ZONE coalesce(nullif(w.zone, 'Utopia'), 'UTC')) NOT BETWEEN 8 AND 21
	UNION ALL
	SELECT 'there', format('worker %s to gig %s at %s: %s', e.worker_id, e.gig_id, e.at, v)
	FROM e JOIN soak.was v ON v.worker_id = e.worker_id AND v.committed < e.at - soak.slack() AND v.until_committed > e.committed + soak.slack()
	WHERE NOT v.active OR v.paused_until::date > e.at::date
	OR EXISTS (SELECT FROM jsonb_array_elements(v.away) a
		WHERE (a ->> 'from')::date <= e.end_at::date AND (a ->> 'to')::date >= e.start_at::date)
	UNION ALL
	SELECT 'filter', format('worker %s to gig %s at %s, of %s, joined %s', e.worker_id, e.gig_id, e.at, w.city, w.joined)
	FROM e JOIN soak.worker w ON w.worker_id = e.worker_id
	WHERE e.city <> w.city OR w.joined > e.joined_before OR (NOT w.favourite AND e.at < e.created_at + e.tier)
$$;

-- The rules and gates that are in the way of a worker now, by the tables.
CREATE FUNCTION soak.refusing(worker bigint, gig bigint) RETURNS TABLE (gates text[], rules text[]) LANGUAGE sql STABLE AS $$
	SELECT ARRAY(SELECT u.name FROM (VALUES
			('active', NOT t.active), ('eligible', true IN (r.capped, r.tired, r.gone, r.asleep, r.busy, r.known)),
			('filter', g.city <> w.city OR w.joined > g.joined_before OR (NOT w.favourite AND cirro.now() < g.created_at + g.tier)),
			('invitation', EXISTS (SELECT FROM trees.invitation i WHERE i.gig_id = g.gig_id AND i.worker_id = w.worker_id)
				AND NOT EXISTS (SELECT FROM trees.worker_invitation v WHERE v.gig_id = g.gig_id AND v.worker_id = w.worker_id AND v.status = 'expired'
					AND v.reason = 'seats_filled')),
			('mode', g.by <> 'wave'),
			('open', EXISTS (SELECT FROM trees.gig x WHERE x.id = g.gig_id AND x.cancelled_at IS NOT NULL)),
			('seats', (SELECT count(*) FROM trees.invitation i WHERE i.gig_id = g.gig_id AND i.status = 'accepted') >= coalesce(d.total_seats, d.seats_max)))
			u (name, is_so) WHERE u.is_so ORDER BY 1),
		ARRAY(SELECT u.name FROM (VALUES ('awake', r.asleep), ('free_then', r.busy), ('new_to_label', r.known), ('rested', r.tired), ('there', r.gone),
			('two_a_week', r.capped)) u (name, is_so) WHERE u.is_so ORDER BY 1)
	FROM soak.worker w JOIN trees.worker t ON t.id = w.worker_id, soak.gig g JOIN trees.gig d ON d.id = g.gig_id
	CROSS JOIN LATERAL (SELECT
		(SELECT count(DISTINCT e.gig_id) FROM trees.event e WHERE e.worker_id = refusing.worker AND e.kind LIKE 'invitation.%' AND e.status = 'pending' AND e.at > cirro.now() - interval '5 s') >= 2 AS capped,
		EXISTS (SELECT FROM trees.event e WHERE e.worker_id = refusing.worker AND e.kind LIKE 'invitation.%' AND e.status = 'rejected' AND e.at > cirro.now() - interval '3 s')
			OR EXISTS (SELECT FROM trees.event e JOIN soak.gig x ON x.gig_id = e.gig_id WHERE e.worker_id = refusing.worker AND e.kind LIKE 'invitation.%' AND e.status = 'pending'
				AND e.at > cirro.now() - interval '3 s' AND e.at + x.answer_within <= cirro.now()
				AND NOT EXISTS (SELECT FROM trees.event n WHERE n.invitation_id = e.invitation_id AND n.kind LIKE 'invitation.%' AND n.revision > e.revision AND n.at < e.at + x.answer_within)) AS tired
		) h
	CROSS JOIN LATERAL (SELECT h.capped, h.tired,
		coalesce((t.profile ->> 'paused_until')::date > cirro.now()::date, false) OR EXISTS (SELECT FROM jsonb_array_elements(t.profile -> 'away') a
			WHERE (a ->> 'from')::date <= g.end_at::date AND (a ->> 'to')::date >= g.start_at::date) AS gone,
		extract(hour FROM cirro.now() AT TIME ZONE coalesce(nullif(w.zone, 'Utopia'), 'UTC')) NOT BETWEEN 8 AND 21 AS asleep,
		EXISTS (SELECT FROM trees.invitation i JOIN soak.gig x ON x.gig_id = i.gig_id JOIN trees.gig y ON y.id = i.gig_id
			WHERE i.worker_id = w.worker_id AND i.status = 'accepted' AND x.gig_id <> g.gig_id AND y.cancelled_at IS NULL
			AND x.start_at < g.end_at AND g.start_at < x.end_at) AS busy,
		EXISTS (SELECT FROM trees.invitation i JOIN soak.gig x ON x.gig_id = i.gig_id WHERE i.worker_id = w.worker_id AND x.label = g.label
			AND x.gig_id <> g.gig_id AND i.status IN ('accepted', 'waiting', 'pending')) AS known) r
	WHERE w.worker_id = refusing.worker AND g.gig_id = refusing.gig
$$;
