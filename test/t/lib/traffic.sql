-- test/t/lib/traffic.sql: a busy Space, and who watches it.
--
-- Space "trees": a dozen gigs, sixty workers. Schema "traffic": act() does one
-- random thing that an application would, one API call or one single-row
-- statement; triggers note each status of an invitation, each notification and
-- each wave in the transaction that makes it; wrong() compares all of that in
-- one snapshot. Must not change what cirro does: the triggers only write into
-- schema "traffic".

SET client_min_messages = warning;
CREATE EXTENSION cirro;
SELECT cirro.create_space('trees');
CREATE SCHEMA traffic;

-- ------------------------------------------------------------------ watch --

-- Each row is wrong.
CREATE TABLE traffic.bad (what text);

-- Each status that an invitation ever had; "silent" if nobody is to hear of it, NULL
-- if it is no event.
CREATE TABLE traffic.history (invitation_id bigint, revision int, gig_id bigint, worker_id bigint,
	status text, silent boolean, wave_id bigint, at timestamptz NOT NULL,
	PRIMARY KEY (invitation_id, revision));
CREATE INDEX ON traffic.history (wave_id);
CREATE INDEX ON traffic.history (at);

CREATE FUNCTION traffic.note_invitation() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	IF TG_OP = 'INSERT' OR NEW.revision <> OLD.revision THEN
		INSERT INTO traffic.history VALUES (NEW.id, NEW.revision, NEW.gig_id, NEW.worker_id, NEW.status,
			CASE WHEN NEW.status <> 'scheduled' AND NEW.times_invited > 0 THEN NEW.silenced END,
			NEW.wave_id, clock_timestamp());
	END IF;
	RETURN NULL;
END $$;
CREATE TRIGGER note AFTER INSERT OR UPDATE ON trees.invitation
	FOR EACH ROW EXECUTE FUNCTION traffic.note_invitation();

-- Each notification. Of one event none comes twice: the indexes would raise.
CREATE TABLE traffic.told (id bigint PRIMARY KEY, consumer text, kind text, gig_id bigint, invitation_id bigint,
	revision int, at timestamptz NOT NULL);
CREATE UNIQUE INDEX ON traffic.told (invitation_id, revision, consumer) WHERE kind LIKE 'invitation.%';
CREATE UNIQUE INDEX ON traffic.told (invitation_id, consumer) WHERE kind = 'invitation.created';
CREATE UNIQUE INDEX ON traffic.told (gig_id, kind, consumer)
	WHERE kind IN ('gig.started', 'gig.ended', 'gig.archived');
CREATE INDEX ON traffic.told (at);
CREATE TABLE traffic.removed (id bigint PRIMARY KEY);

CREATE FUNCTION traffic.note_notification() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	IF TG_OP = 'INSERT' THEN
		INSERT INTO traffic.told SELECT NEW.id, NEW.consumer, e.kind, e.gig_id, e.invitation_id, e.revision,
			clock_timestamp() FROM trees.event e WHERE e.id = NEW.event_id;
	ELSIF TG_OP = 'DELETE' THEN
		INSERT INTO traffic.removed VALUES (OLD.id);
		IF OLD.outcome IS NULL THEN
			INSERT INTO traffic.bad VALUES ('removed, though not delivered: ' || OLD.id);
		END IF;
	ELSIF NEW.claim IS DISTINCT FROM OLD.claim AND NEW.claim IS NOT NULL AND OLD.due_at > clock_timestamp() THEN
		INSERT INTO traffic.bad VALUES ('claimed within a lease: ' || OLD.id);
	END IF;
	RETURN NULL;
END $$;
CREATE TRIGGER note AFTER INSERT OR UPDATE OR DELETE ON trees.notification
	FOR EACH ROW EXECUTE FUNCTION traffic.note_notification();

-- Each wave.
CREATE TABLE traffic.wave (id bigint PRIMARY KEY, gig_id bigint, wanted int, invited int, outcome text);

CREATE FUNCTION traffic.note_wave() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO traffic.wave VALUES (NEW.id, NEW.gig_id, NEW.wanted, NEW.invited, NEW.outcome);
	RETURN NULL;
END $$;
CREATE TRIGGER note AFTER INSERT ON trees.wave FOR EACH ROW EXECUTE FUNCTION traffic.note_wave();

-- No seat is taken beyond the capacity; that it shrinks below is allowed. Gig 9
-- is damaged on purpose.
CREATE FUNCTION traffic.note_oversold() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO traffic.bad VALUES (format('gig %s has %s of %s', NEW.gig_id, NEW.accepted, NEW.capacity));
	RETURN NULL;
END $$;
CREATE TRIGGER note AFTER UPDATE ON trees.gig_state
	FOR EACH ROW WHEN (NEW.accepted > OLD.accepted AND NEW.accepted > NEW.capacity AND NEW.gig_id <> 9)
	EXECUTE FUNCTION traffic.note_oversold();

-- What act() did, and how it ended. Gigs as short as a few seconds.
CREATE TABLE traffic.log (n bigint GENERATED ALWAYS AS IDENTITY, op text, sqlstate text, message text);
CREATE TABLE traffic.short (gig_id bigint PRIMARY KEY, end_at timestamptz);

-- What is wrong among what has happened since then.
CREATE FUNCTION traffic.wrong(since timestamptz DEFAULT '-infinity', except_gig bigint DEFAULT NULL)
RETURNS SETOF text LANGUAGE sql STABLE AS $$
	SELECT what FROM traffic.bad
	UNION ALL
	SELECT 'inconsistent: ' || c FROM trees.check_consistency() c WHERE gig_id IS DISTINCT FROM except_gig
	UNION ALL
	SELECT format('oversold: gig %s has %s of %s', g.id, count(*), coalesce(g.seats_max, g.total_seats))
	FROM trees.gig g JOIN trees.invitation i ON i.gig_id = g.id AND i.status = 'accepted'
	WHERE g.id NOT IN (4, 5) AND g.id IS DISTINCT FROM except_gig
	GROUP BY g.id HAVING count(*) > coalesce(g.seats_max, g.total_seats)
	UNION ALL
	SELECT format('invited twice: worker %s to gig %s', worker_id, gig_id) FROM trees.invitation
	GROUP BY worker_id, gig_id HAVING count(*) > 1
	UNION ALL
	SELECT 'not its last change: invitation ' || i.id FROM trees.invitation i
	WHERE NOT EXISTS (SELECT FROM traffic.history h
		WHERE (h.invitation_id, h.revision, h.status) = (i.id, i.revision, i.status))
	OR EXISTS (SELECT FROM traffic.history h WHERE h.invitation_id = i.id AND h.revision > i.revision)
	UNION ALL
	SELECT format('told %s times: %s, revision %s', count(t.id), h.invitation_id, h.revision)
	FROM traffic.history h LEFT JOIN traffic.told t
	ON (t.invitation_id, t.revision) = (h.invitation_id, h.revision) AND t.kind LIKE 'invitation.%'
	WHERE h.at >= wrong.since
	GROUP BY h.invitation_id, h.revision HAVING count(t.id) <> CASE WHEN NOT h.silent THEN 2 ELSE 0 END
	UNION ALL
	SELECT format('happened %s times: %s, revision %s', count(e.id), h.invitation_id, h.revision)
	FROM traffic.history h LEFT JOIN trees.event e
	ON (e.invitation_id, e.revision) = (h.invitation_id, h.revision) AND e.kind LIKE 'invitation.%'
	WHERE h.at >= wrong.since
	GROUP BY h.invitation_id, h.revision HAVING count(e.id) <> CASE WHEN h.silent IS NULL THEN 0 ELSE 1 END
	UNION ALL
	-- Gig 6 comes again, 9 is damaged.
	SELECT format('%s of gig %s after %s', e.kind, e.gig_id, e.previous) FROM (
		SELECT id, gig_id, kind, lag(kind, 1, 'gig.reopened') OVER (PARTITION BY gig_id ORDER BY id) AS previous
		FROM trees.event WHERE kind IN ('gig.filled', 'gig.reopened')) e
	WHERE e.kind = e.previous AND e.gig_id NOT IN (6, 9)
	UNION ALL
	SELECT 'told of nothing: ' || t.id FROM traffic.told t
	WHERE t.kind LIKE 'invitation.%' AND t.at >= wrong.since AND NOT EXISTS (SELECT FROM traffic.history h
		WHERE (h.invitation_id, h.revision) = (t.invitation_id, t.revision))
	UNION ALL
	SELECT 'lost: notification ' || t.id FROM traffic.told t
	WHERE t.at >= wrong.since AND NOT EXISTS (SELECT FROM trees.notification n WHERE n.id = t.id)
	AND NOT EXISTS (SELECT FROM traffic.removed r WHERE r.id = t.id)
	UNION ALL
	SELECT 'below the floor: notification ' || n.id FROM trees.notification n
	JOIN (SELECT f.consumer, max(f.due_at) AS due_at FROM trees.notification_floor f GROUP BY 1) f USING (consumer)
	WHERE n.outcome IS NULL AND n.due_at < f.due_at
	UNION ALL
	SELECT format('wave %s of gig %s: %s, wanted %s, invited %s, not %s', w.id, w.gig_id, w.outcome, w.wanted,
		w.invited, i.n)
	FROM traffic.wave w CROSS JOIN LATERAL (
		SELECT count(DISTINCT h.invitation_id) AS n FROM traffic.history h WHERE h.wave_id = w.id) i
	WHERE (wrong.since = '-infinity'
		OR w.id IN (SELECT h.wave_id FROM traffic.history h WHERE h.at >= wrong.since))
	AND (w.invited <> i.n OR w.invited > w.wanted OR (w.outcome = 'invited') <> (w.invited > 0))
	UNION ALL
	SELECT 'invited by no wave: ' || h.invitation_id FROM traffic.history h
	WHERE h.at >= wrong.since AND h.wave_id IS NOT NULL
	AND NOT EXISTS (SELECT FROM traffic.wave w WHERE w.id = h.wave_id)
	UNION ALL
	SELECT format('%s after the end: invitation %s', h.status, h.invitation_id)
	FROM traffic.history h JOIN traffic.short s USING (gig_id)
	WHERE h.at >= greatest(wrong.since, s.end_at) AND h.status NOT IN ('expired', 'rejected')
	UNION ALL
	SELECT format('invitation %s of cancelled gig %s is %s (%s), told %s times', i.id, i.gig_id, i.status,
		i.reason, count(e.id))
	FROM trees.gig g JOIN trees.invitation i ON i.gig_id = g.id
	LEFT JOIN trees.event e ON e.invitation_id = i.id AND e.kind = 'gig.cancelled'
	WHERE g.cancelled_at IS NOT NULL GROUP BY i.id
	HAVING i.status IN ('pending', 'waiting', 'scheduled') OR count(e.id) > 1
	OR i.revision <> max(e.revision) + CASE i.status WHEN 'accepted' THEN 0 ELSE 1 END
	OR (count(e.id) = 0 AND (i.status = 'accepted' OR (i.reason = 'gig_cancelled' AND EXISTS (
		SELECT FROM trees.event p WHERE p.kind = 'invitation.updated'
		AND (p.invitation_id, p.revision, p.previous) = (i.id, i.revision, 'pending')))))
	UNION ALL
	SELECT format('%s of cancelled gig %s', e.kind, e.gig_id) FROM trees.gig g JOIN trees.event e ON e.gig_id = g.id
	WHERE e.kind IN ('gig.started', 'gig.ended') AND e.at >= g.cancelled_at
	UNION ALL
	SELECT 'shown as open: invitation ' || v.invitation_id FROM trees.worker_invitation v
	JOIN trees.gig_status s USING (gig_id)
	WHERE v.can_accept AND (s.phase IN ('ended', 'archived') OR s.accepted >= s.capacity)
$$;

-- --------------------------------------------------------------- the Space --

-- Gigs 1 to 3 keep their seats, those of 4 and 5 move between 3 and 6, gig 6
-- comes and goes, 7 starts and 8 ends while one looks on, 9 is damaged and
-- mended, and those from 100 on live for seconds.
UPDATE trees.setting SET default_frequency = '0.5 s', default_multiplier = 2,
	keep_notifications = '1 s', keep_waves = '3 s', keep_attempts = '1 s', max_attempts = 2;
INSERT INTO trees.consumer (name) VALUES ('audit');
INSERT INTO trees.worker (id, ref, profile)
SELECT n, 'w' || n, jsonb_build_object('n', n, 'even', n % 2 = 0) FROM generate_series(1, 60) n;
INSERT INTO trees.gig (id, ref, title, url, start_at, end_at, total_seats, seats_max, seats_min, answer_within,
	pending_max, filter_query, sort_query)
VALUES (1, 'g1', 'max', 'u', now() + '1 h', now() + '1 day', NULL, 5, NULL, NULL, NULL, '{}', NULL),
	(2, 'g2', 'total', 'u', now() + '1 h', now() + '1 day', 5, NULL, NULL, '2 s', 12, '{"even": true}', NULL),
	(3, 'g3', 'both', 'u', now() - interval '1 h', now() + '1 day', 4, 6, 2, '1 s', NULL, '{"n": {"$lt": 40}}', '{"n": -1}'),
	(4, 'g4', 'moving', 'u', now() + '1 h', now() + '1 day', NULL, 4, NULL, NULL, NULL, '{"n": {"$gt": 10}}', NULL),
	(5, 'g5', 'moving', 'u', now() + '1 h', now() + '1 day', 4, NULL, NULL, NULL, NULL, '{}', NULL),
	(7, 'g7', 'starting', 'u', now() + '5 s', now() + '1 day', 3, NULL, NULL, NULL, NULL, '{}', NULL),
	(8, 'g8', 'ending', 'u', now() + '2 s', now() + '10 s', NULL, 6, NULL, NULL, NULL, '{}', NULL),
	(9, 'g9', 'mended', 'u', now() + '1 h', now() + '1 day', NULL, 6, NULL, NULL, NULL, '{"even": false}', NULL);
INSERT INTO traffic.short SELECT id, end_at FROM trees.gig WHERE id = 8;
CREATE SEQUENCE traffic.short_id START 100;

-- ---------------------------------------------------------------- traffic --

-- A rule that the Space may have.
CREATE FUNCTION trees.may_traffic(gig_id bigint, worker_ids bigint[]) RETURNS bigint[] LANGUAGE sql STABLE AS $$
	SELECT array_agg(w.id) FROM unnest(worker_ids) w (id)
	WHERE 3 > (SELECT count(*) FROM trees.invitation i WHERE i.worker_id = w.id AND i.invited_at > now() - interval '2 s')
$$;

-- What is done how often, of a thousand.
CREATE TABLE traffic.mix (op text PRIMARY KEY, weight int, upto int);
INSERT INTO traffic.mix (op, weight) VALUES
	('accept', 150), ('try_accept', 90), ('wait', 90), ('reject', 50), ('leave', 70), ('reset', 70), ('expire', 20),
	('plain answer', 60), ('plain reason', 10), ('plain upsert', 20), ('plain insert', 20), ('plain send_at', 10),
	('delete invitation', 10), ('invite', 70), ('invite later', 20), ('attempt', 60), ('attempt some', 25),
	('seats', 30), ('filter', 10), ('mode', 10), ('pace', 10), ('title', 10), ('description', 5),
	('profile', 25), ('delete worker', 15), ('erase worker', 8), ('worker', 20), ('delete gig', 15), ('gig', 15),
	('short gig', 20), ('archive', 10), ('archive later', 5), ('end', 5), ('cancel', 5),
	('claim', 30), ('confirm', 20), ('suppress', 5), ('fail', 15), ('live again', 5), ('raise floor', 20), ('run_wave', 30),
	('views', 10), ('explain', 10), ('preview', 10), ('look up', 5), ('filters', 5), ('spaces', 3),
	('damage', 3), ('rebuild_state', 5), ('check_consistency', 5),
	('max_pending', 5), ('eligible', 5), ('pause', 5), ('retention', 5), ('schedule', 2);
UPDATE traffic.mix m SET upto = s.upto FROM (
	SELECT op, sum(weight) OVER (ORDER BY op) AS upto FROM traffic.mix) s WHERE s.op = m.op;

-- Answers that a caller has to expect: anybody may have been faster. The NULL is
-- for every op. Nothing else may happen.
CREATE TABLE traffic.expected (op text, sqlstate text);
INSERT INTO traffic.expected VALUES
	(NULL, 'ok'), (NULL, 'UG002'), (NULL, 'UG003'), (NULL, 'UG004'), (NULL, 'UG010'), (NULL, 'UG011'),
	(NULL, 'UG012'), (NULL, 'UG013'),
	('run_wave', 'UG030'), ('schedule', 'UG031'), ('erase worker', '25000'),
	-- A plain INSERT may meet a gig or worker that is being deleted, or an invitation that is there.
	('many insert', '23503'), ('plain insert', '23503'), ('plain insert', '23505'), ('plain upsert', '23503'),
	('title', 'UG020'), ('title', 'UG022'), ('description', 'UG020'), ('description', 'UG022'),
	 ('delete gig', 'UG021'),
	('end', 'UG020'), ('end', 'UG022'), ('end', '23514'), ('archive', 'UG022'), ('archive later', 'UG022'),
	('cancel', 'UG020'), ('cancel', 'UG022'),
	-- A gig that ends before send_at.
	('invite later', '22023'), ('plain send_at', '22023'),
	-- A gig of two seconds, in a transaction that has taken longer by then.
	('short gig', '23514'),
	-- A worker that is there again.
	('worker', '23505');

-- An invitation of the gig that is likely in the status that is wanted.
CREATE FUNCTION traffic.pick(gig bigint, wanted text, b int) RETURNS bigint LANGUAGE sql STABLE AS $$
	SELECT id FROM trees.invitation WHERE gig_id = pick.gig
	ORDER BY status = pick.wanted DESC, (worker_id + b) % 61 LIMIT 1
$$;

-- Does one thing, with "traffic.wild" also to many rows; returns the number of its row in the log and, if an answer was
-- given, the invitation and its revision.
CREATE FUNCTION traffic.act(a int, b int, c int) RETURNS text
LANGUAGE plpgsql AS $$
#variable_conflict use_variable
DECLARE
	what CONSTANT text := CASE WHEN current_setting('traffic.wild', true) = 'on' AND c % 8 = 0
		THEN (ARRAY['many accept', 'many expire', 'many delete', 'many workers', 'many insert', 'many seats'])[1 + b % 6]
		ELSE (SELECT m.op FROM traffic.mix m
			WHERE m.upto > a % (SELECT max(upto) FROM traffic.mix) ORDER BY m.upto LIMIT 1) END;
	gig CONSTANT bigint := CASE WHEN b % 5 > 0 THEN 1 + a / 1000 % 9
		ELSE coalesce((SELECT s.gig_id FROM traffic.short s ORDER BY s.gig_id DESC OFFSET c % 4 LIMIT 1), 8) END;
	person CONSTANT bigint := 1 + b / 10 % 60;
	other CONSTANT bigint := 1 + c / 10 % 60;
	inv CONSTANT bigint := traffic.pick(gig, CASE
		WHEN what IN ('leave') THEN 'accepted'
		WHEN what = 'wait' AND c % 3 = 0 THEN 'expired'
		WHEN what IN ('accept', 'try_accept', 'wait', 'reject', 'expire', 'plain answer') AND c % 10 > 0 THEN 'pending'
		WHEN what = 'plain send_at' THEN 'scheduled'
		ELSE (ARRAY['accepted', 'expired', 'rejected', 'pending', 'waiting'])[1 + c % 5] END, b);
	answer trees.invitation;
	n bigint;
BEGIN
	CASE what
		WHEN 'accept' THEN answer := trees.accept(inv);
		WHEN 'try_accept' THEN PERFORM trees.try_accept(inv);
		WHEN 'wait' THEN PERFORM trees.try_accept(inv, true);
		WHEN 'reject' THEN answer := trees.reject(inv, CASE c % 2 WHEN 0 THEN 'no time' END);
		WHEN 'leave' THEN answer := trees.leave(inv, CASE c % 2 WHEN 0 THEN 'ill' END);
		WHEN 'reset' THEN answer := trees.reset(inv, c % 2 = 0);
		WHEN 'expire' THEN answer := trees.expire(inv, CASE c % 2 WHEN 0 THEN 'seats_filled' END);
		WHEN 'plain answer' THEN UPDATE trees.invitation SET silent = b % 4 = 0, status =
			(ARRAY['accepted', 'rejected', 'left', 'expired', 'pending', 'waiting'])[1 + c % 6] WHERE id = inv;
		WHEN 'plain reason' THEN UPDATE trees.invitation SET reason = 'b' || b WHERE id = inv;
		WHEN 'plain upsert' THEN INSERT INTO trees.invitation (gig_id, worker_id) VALUES (gig, person)
			ON CONFLICT (gig_id, worker_id) DO UPDATE SET status = 'pending';
		WHEN 'plain insert' THEN INSERT INTO trees.invitation (gig_id, worker_id, status)
			VALUES (gig, person, CASE c % 2 WHEN 0 THEN 'pending' ELSE 'accepted' END);
		WHEN 'plain send_at' THEN UPDATE trees.invitation SET send_at = clock_timestamp() + '0.2 s' WHERE id = inv;
		WHEN 'delete invitation' THEN DELETE FROM trees.invitation WHERE id = inv;
		WHEN 'invite' THEN PERFORM trees.invite(gig, ARRAY[person, other, 1 + (b + c) % 60, 61 - person],
			auto_accept => c % 7 = 0);
		WHEN 'invite later' THEN PERFORM trees.invite(gig, ARRAY[person, 61 - person, other],
			clock_timestamp() + '0.5 s');
		WHEN 'attempt' THEN PERFORM trees.attempt_invitations(person);
		WHEN 'attempt some' THEN PERFORM trees.attempt_invitations(person, ARRAY[6, gig, 1, 5, 3], 1 + c % 3);
		WHEN 'seats' THEN UPDATE trees.gig SET total_seats = CASE WHEN id = 5 THEN 3 + c % 4 END,
			seats_max = CASE WHEN id = 4 THEN 3 + c % 4 END WHERE id = 4 + b % 2;
		WHEN 'filter' THEN UPDATE trees.gig SET filter_query = jsonb_build_object('n',
			jsonb_build_object('$gt', c % 30)) WHERE id = 4 + b % 2;
		WHEN 'mode' THEN UPDATE trees.gig SET invitation_mode = CASE WHEN c % 4 = 0 THEN 'manual' ELSE 'auto' END
			WHERE id = 4 + b % 2;
		WHEN 'pace' THEN UPDATE trees.gig SET invitation_frequency = make_interval(secs => (1 + c % 9) / 10.0),
			invitation_multiplier = 1 + b % 4, pending_max = nullif(c % 20, 0),
			answer_within = CASE b % 2 WHEN 0 THEN interval '1 s' END WHERE id = 4 + b % 2;
		WHEN 'title' THEN UPDATE trees.gig SET title = 't' || c WHERE id = gig;
		WHEN 'description' THEN UPDATE trees.gig SET description = 'd' || c WHERE ref = 'g' || gig;
		WHEN 'profile' THEN UPDATE trees.worker SET active = c % 5 > 0, ref = 'w' || person,
			profile = jsonb_build_object('n', c % 60, 'even', c % 2 = 0) WHERE id = person;
		WHEN 'delete worker' THEN DELETE FROM trees.worker WHERE id = person;
		WHEN 'erase worker' THEN PERFORM trees.erase_worker(person);
		WHEN 'worker' THEN INSERT INTO trees.worker (id, ref, profile)
			SELECT w.n, 'w' || w.n, jsonb_build_object('n', w.n, 'even', w.n % 2 = 0) FROM generate_series(1, 60) w (n)
			WHERE NOT EXISTS (SELECT FROM trees.worker WHERE id = w.n) LIMIT 1;
		WHEN 'delete gig' THEN DELETE FROM trees.gig WHERE id = CASE WHEN c % 4 > 0 THEN 6 ELSE gig END
			AND (id = 6 OR start_at <= cirro.now());
		WHEN 'gig' THEN INSERT INTO trees.gig (id, ref, title, url, start_at, end_at, seats_max, filter_query)
			VALUES (6, 'g6', 'passing', 'u', now() + '1 h', now() + '1 day', 3, '{}') ON CONFLICT DO NOTHING;
		WHEN 'short gig' THEN
			-- No more than some at a time.
			IF (SELECT count(*) < 4 FROM traffic.short s WHERE s.end_at > clock_timestamp()) THEN
				WITH made AS (
					INSERT INTO trees.gig (id, ref, title, url, start_at, end_at, archive_at, total_seats, seats_max,
						answer_within, filter_query)
					SELECT s.id, 'g' || s.id, 'short', 'u', now() + make_interval(secs => c % 10 / 10.0 - 0.2),
						now() + '2 s', CASE b % 2 WHEN 0 THEN now() + '3 s' END, 2, CASE b % 3 WHEN 0 THEN 3 END,
						CASE b % 2 WHEN 0 THEN interval '0.7 s' END, '{}'
					FROM nextval('traffic.short_id') s (id) RETURNING id, end_at)
				INSERT INTO traffic.short TABLE made;
			END IF;
		WHEN 'archive' THEN PERFORM trees.archive(gig) WHERE gig > 9;
		WHEN 'archive later' THEN PERFORM trees.archive(gig, clock_timestamp() + '0.5 s') WHERE gig > 9;
		WHEN 'end' THEN UPDATE trees.gig SET end_at = cirro.now() WHERE id = gig AND id > 9;
		WHEN 'cancel' THEN PERFORM trees.cancel(gig) WHERE gig > 9;
		WHEN 'claim' THEN PERFORM trees.claim_notifications(20, '0.5 s',
			CASE c % 2 WHEN 0 THEN 'audit' ELSE 'default' END);
		WHEN 'confirm' THEN PERFORM trees.confirm_notifications(max(m.claim), CASE b % 2 WHEN 0 THEN array_agg(m.id) END)
			FROM (SELECT claim, id FROM trees.notification WHERE outcome IS NULL AND claim = (
				SELECT max(claim) FROM trees.notification) LIMIT 10) m HAVING count(*) > 0;
		WHEN 'suppress' THEN PERFORM trees.confirm_notifications(m.claim, ARRAY[m.id, m.id + 1], 'suppressed')
			FROM (SELECT claim, id FROM trees.notification WHERE outcome IS NULL AND claim IS NOT NULL LIMIT 1) m;
		WHEN 'fail' THEN PERFORM trees.fail_notifications(m.claim, NULL, CASE WHEN b % 3 > 0 THEN 'timeout' END,
			clock_timestamp() + '0.2 s')
			FROM (SELECT claim FROM trees.notification WHERE outcome IS NULL AND claim IS NOT NULL LIMIT 1) m;
		WHEN 'live again' THEN UPDATE trees.notification SET outcome = NULL, attempts = 0, due_at = now() - interval '1 h'
			WHERE id = (SELECT id FROM trees.notification WHERE outcome = 'dead' LIMIT 1) AND outcome = 'dead';
		WHEN 'raise floor' THEN PERFORM cirro.raise_floor('trees', CASE c % 2 WHEN 0 THEN 'audit' ELSE 'default' END);
		WHEN 'run_wave' THEN PERFORM trees.run_wave(gig);
		WHEN 'views' THEN PERFORM FROM trees.worker_invitation v JOIN trees.gig_status USING (gig_id)
			LEFT JOIN trees.worker_gig g USING (gig_id, worker_id) WHERE v.worker_id = person;
		WHEN 'explain' THEN PERFORM trees.explain_invitation(person, gig);
		WHEN 'preview' THEN PERFORM trees.preview('{"even": true}', '{"n": -1}', 5);
		WHEN 'look up' THEN PERFORM trees.worker_id('w' || person), trees.gig_id('g' || gig);
		WHEN 'filters' THEN PERFORM FROM trees.gig g, cirro.lint(g.filter_query), cirro.validate(g.filter_query::text),
			cirro.explain_match(jsonb_build_object('n', c), g.filter_query) WHERE g.id = gig;
			PERFORM FROM trees.worker w WHERE w OPERATOR(cirro.@@) '{"n": {"$in": [1, 2, 3]}}';
		WHEN 'spaces' THEN PERFORM cirro.spaces();
		WHEN 'damage' THEN UPDATE trees.gig_state SET accepted = accepted + c % 2, target = greatest(target - 1, 1),
			frequency = '1 h' WHERE gig_id = 9;
		WHEN 'rebuild_state' THEN PERFORM trees.rebuild_state();
		WHEN 'check_consistency' THEN PERFORM trees.check_consistency();
		WHEN 'max_pending' THEN UPDATE trees.setting SET max_pending = CASE c % 3 WHEN 0 THEN 4 END;
		WHEN 'eligible' THEN UPDATE trees.setting SET eligible = CASE c % 3 WHEN 0 THEN 'may_traffic' END;
			PERFORM trees.may_traffic(gig, ARRAY[person]);
		WHEN 'pause' THEN UPDATE trees.setting SET paused = c % 8 = 0;
		WHEN 'retention' THEN UPDATE trees.setting SET cleaned_at = NULL;
		WHEN 'schedule' THEN PERFORM cirro.unschedule_waves('trees');
			PERFORM cirro.schedule_waves('trees');
		-- Statements of many rows, in no order.
		WHEN 'many accept' THEN UPDATE trees.invitation SET status = 'accepted'
			WHERE gig_id = gig AND status = 'pending' AND worker_id % 5 = person % 5;
		WHEN 'many expire' THEN UPDATE trees.invitation SET status = 'expired'
			WHERE worker_id = person AND status = 'pending';
		WHEN 'many delete' THEN DELETE FROM trees.invitation WHERE worker_id IN (person, other);
		WHEN 'many workers' THEN UPDATE trees.worker SET active = person % 5 > 0 WHERE id % 10 = other % 10;
		WHEN 'many insert' THEN INSERT INTO trees.invitation (gig_id, worker_id)
			SELECT gig, w.id FROM trees.worker w WHERE w.id % 10 = person % 10 ON CONFLICT DO NOTHING;
		WHEN 'many seats' THEN UPDATE trees.gig SET total_seats = CASE WHEN id = 5 THEN 3 + b % 4 END,
			seats_max = CASE WHEN id = 4 THEN 3 + b % 4 END WHERE id IN (4, 5);
	END CASE;
	INSERT INTO traffic.log (op, sqlstate) VALUES (what, 'ok') RETURNING log.n INTO n;
	RETURN format('%s %s %s', n, answer.id, answer.revision);
EXCEPTION
	WHEN serialization_failure OR deadlock_detected THEN
		RAISE;
	WHEN OTHERS THEN
		INSERT INTO traffic.log (op, sqlstate, message) VALUES (what, SQLSTATE, SQLERRM) RETURNING log.n INTO n;
		RETURN n || '  ';
END $$;

CREATE FUNCTION traffic.unexpected() RETURNS SETOF text LANGUAGE sql STABLE AS $$
	SELECT format('%s, %s times %s: %s', l.op, count(*), l.sqlstate, min(l.message)) FROM traffic.log l
	WHERE NOT EXISTS (SELECT FROM traffic.expected e
		WHERE e.sqlstate = l.sqlstate AND coalesce(e.op = l.op, true))
	GROUP BY l.op, l.sqlstate
$$;
