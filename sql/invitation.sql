-- Invitations: which status may follow which, what each function says, and
-- what cirro keeps in the other columns. The same answer again is no change.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS cirro;
SELECT cirro.create_space('invitation');
RESET client_min_messages;
SET timezone = 'UTC';
SET datestyle = 'ISO';
SET intervalstyle = 'postgres';
SET search_path = invitation;
SET cirro.clock = '2030-01-01 12:00+00';
\pset format unaligned
\pset fieldsep ' | '
\pset footer off
\pset tuples_only on
\pset null -

-- What a command says: ok, or SQLSTATE, message, DETAIL and HINT.
CREATE FUNCTION pg_temp.try(command text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	state text; message text; detail text; hint text;
BEGIN
	EXECUTE command;
	RETURN 'ok';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT,
		detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
	RETURN concat_ws(E'\n', state || ' ' || message,
		'DETAIL: ' || nullif(detail, ''), 'HINT: ' || nullif(hint, ''));
END $$;

-- An invitation to gig 1 brought to a status by allowed steps alone.
CREATE FUNCTION pg_temp.make(invitation bigint, worker bigint, status text, gig bigint DEFAULT 1) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO invitation (id, gig_id, worker_id, status, send_at)
	VALUES (invitation, gig, worker, CASE WHEN make.status IN ('scheduled', 'accepted') THEN make.status ELSE 'pending' END,
		CASE make.status WHEN 'scheduled' THEN timestamptz '2030-01-01 18:00+00' END);
	IF make.status = 'left' THEN
		UPDATE invitation i SET status = 'accepted' WHERE id = make.invitation;
	END IF;
	UPDATE invitation i SET status = make.status WHERE id = make.invitation AND i.status <> make.status;
END $$;

INSERT INTO worker (id) SELECT generate_series(1, 60);
INSERT INTO gig (id, title, url, start_at, end_at, total_seats, invitation_mode, filter_query)
VALUES (1, 'Gig', 'https://gig', '2030-01-02 12:00+00', '2030-01-03 12:00+00', 50, 'manual', '{}');

-- How a row may begin.
SELECT s, pg_temp.try(format($$INSERT INTO invitation (gig_id, worker_id, status, send_at) VALUES (1, 60, %L, '2030-01-01 18:00+00'); DELETE FROM invitation$$, s))
FROM unnest('{scheduled,pending,accepted,rejected,expired,left,other,NULL}'::text[]) WITH ORDINALITY u (s, n) ORDER BY n;
SELECT pg_temp.try($$INSERT INTO invitation (gig_id, worker_id, status) VALUES (1, 60, 'scheduled')$$);
SELECT pg_temp.try($$INSERT INTO invitation (gig_id, worker_id, origin) VALUES (1, 60, 'other')$$);
SELECT pg_temp.try($$INSERT INTO invitation (gig_id, worker_id) VALUES (2, 60)$$);
SELECT pg_temp.try($$INSERT INTO invitation (gig_id, worker_id) VALUES (1, 61)$$);
SELECT pg_temp.try($$INSERT INTO invitation (worker_id) VALUES (1)$$);

-- What may follow by plain UPDATE: from the status at the left to that above.
CREATE FUNCTION pg_temp.step(n bigint, old_status text, new_status text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	PERFORM pg_temp.make(n, n, old_status);
	RETURN split_part(pg_temp.try(format($u$UPDATE invitation SET status = %L, send_at = '2030-01-01 18:00+00' WHERE id = %s$u$, new_status, n)), ' ', 1);
END $$;
\pset tuples_only off
SELECT f.s AS "from", max(r) FILTER (WHERE t.s = 'scheduled') AS scheduled, max(r) FILTER (WHERE t.s = 'pending') AS pending,
	max(r) FILTER (WHERE t.s = 'accepted') AS accepted, max(r) FILTER (WHERE t.s = 'rejected') AS rejected,
	max(r) FILTER (WHERE t.s = 'expired') AS expired, max(r) FILTER (WHERE t.s = 'left') AS "left"
FROM unnest('{scheduled,pending,accepted,rejected,expired,left}'::text[]) WITH ORDINALITY f (s, n)
CROSS JOIN unnest('{scheduled,pending,accepted,rejected,expired,left}'::text[]) WITH ORDINALITY t (s, n),
LATERAL (SELECT pg_temp.step(6 * (f.n - 1) + t.n, f.s, t.s) AS r OFFSET 0) x
GROUP BY f.n, f.s ORDER BY f.n;
\pset tuples_only on
SELECT * FROM check_consistency();
DELETE FROM invitation;

-- What each function says: the row, or an error that names both states and
-- what to call.
CREATE FUNCTION pg_temp.call(n bigint, old_status text, function text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	said text;
BEGIN
	PERFORM pg_temp.make(n, n, old_status);
	said := pg_temp.try(format('SELECT %I(%s)', function, n));
	RETURN concat_ws(' ', old_status, function || ':', said, CASE said WHEN 'ok' THEN (SELECT status FROM invitation WHERE id = call.n) END);
END $$;
SELECT pg_temp.call(row_number() OVER (ORDER BY f.n, s.n), s.s, f.f)
FROM unnest('{accept,reject,leave,expire,reset}'::text[]) WITH ORDINALITY f (f, n),
	unnest('{scheduled,pending,accepted,rejected,expired,left}'::text[]) WITH ORDINALITY s (s, n)
ORDER BY f.n, s.n;
SELECT i.status, a.* FROM invitation i, try_accept(i.id) a WHERE i.id IN (2, 3, 4, 5, 6, 7) ORDER BY i.id;
SELECT * FROM try_accept(1000);
SELECT * FROM try_accept(NULL);
SELECT f, pg_temp.try(format('SELECT %I(1000)', f)) FROM unnest('{accept,reject,leave,expire,reset}'::text[]) f ORDER BY f COLLATE "C";
SELECT f, pg_temp.try(format('SELECT %I(NULL)', f)) FROM unnest('{accept,reject,leave,expire,reset}'::text[]) f ORDER BY f COLLATE "C";
SELECT pg_temp.try($$UPDATE invitation SET status = 'other' WHERE id = 1$$);
SELECT pg_temp.try($$UPDATE invitation SET status = NULL WHERE id = 1$$);
DELETE FROM invitation;
DELETE FROM event;

-- One row through its life: what cirro keeps. The row is returned as it is.
\pset tuples_only off
SELECT pg_temp.make(1, 1, 'scheduled');
SELECT id, gig_id, worker_id, status, reason, origin, wave_id, send_at, invited_at, responded_at, times_invited, silent, created_at FROM invitation;
SET cirro.clock = '2030-01-01 13:00+00';
SELECT status, invited_at, responded_at, times_invited FROM reset(1);
SET cirro.clock = '2030-01-01 14:00+00';
SELECT status, reason, invited_at, responded_at, times_invited FROM reject(1, 'too far');
SET cirro.clock = '2030-01-01 15:00+00';
SELECT status, reason, invited_at, responded_at, times_invited FROM reset(1);
SET cirro.clock = '2030-01-01 16:00+00';
SELECT status, reason, invited_at, responded_at, times_invited FROM accept(1);
SET cirro.clock = '2030-01-01 17:00+00';
SELECT status, reason, invited_at, responded_at, times_invited FROM accept(1);
SELECT status, reason, invited_at, responded_at, times_invited FROM leave(1, 'ill');
-- The same answer again changes nothing, not the reason either.
SELECT status, reason FROM leave(1, 'something else');
SELECT status, reason, invited_at, responded_at, times_invited FROM reset(1);
SELECT status, reason, invited_at, responded_at, times_invited FROM expire(1, 'withdrawn');
SELECT status, reason, invited_at, responded_at, times_invited FROM expire(1);
-- It cannot be written by hand.
UPDATE invitation SET invited_at = '2000-01-01', responded_at = '2000-01-01', times_invited = 77, origin = 'wave', wave_id = 5 WHERE id = 1
	RETURNING invited_at, responded_at, times_invited, origin, wave_id;
INSERT INTO invitation (id, gig_id, worker_id, status, invited_at, responded_at, times_invited, created_at)
	VALUES (2, 1, 2, 'accepted', '2000-01-01', '2000-01-01', 77, NULL) RETURNING invited_at, responded_at, times_invited, created_at;
\pset tuples_only on
-- One row per gig and worker for ever.
SELECT pg_temp.try('UPDATE invitation SET worker_id = 3 WHERE id = 1');
SELECT split_part(pg_temp.try(format('UPDATE invitation SET %s WHERE id = 1', c)), E'\n', 1)
FROM unnest('{gig_id = 2,id = 9,created_at = now(),worker_id = 1,gig_id = 1}'::text[]) WITH ORDINALITY u (c, n) ORDER BY n;
SELECT pg_temp.try('INSERT INTO invitation (id, gig_id, worker_id) VALUES (3, 1, 1)');
-- Columns of the application's own, and the reason, stay writable.
ALTER TABLE invitation ADD note text;
UPDATE invitation SET note = 'x', reason = 'y' WHERE id = 1 RETURNING status, reason, note;

-- Each change is an event, once; the same answer again is none. Of a silent one
-- nobody is told.
CREATE TEMP VIEW told AS SELECT e.id, e.kind, e.previous, e.status, count(n.id) AS times
	FROM event e LEFT JOIN notification n ON n.event_id = e.id GROUP BY e.id;
SELECT kind, previous, status, times FROM told ORDER BY id;
DELETE FROM event;
SELECT status, silent FROM reset(1, silent => true);
SELECT status, silent FROM reset(1, true);
UPDATE invitation SET status = 'accepted', silent = true WHERE id = 1 RETURNING status, silent;
UPDATE invitation SET status = 'left', silent = NULL WHERE id = 1 RETURNING status, silent;
SELECT status FROM leave(1);
SELECT status FROM reset(1, NULL);
SELECT kind, previous, status, times FROM told ORDER BY id;
-- A silent UPDATE that changes no status does not silence the next one.
DELETE FROM event;
UPDATE invitation SET silent = true WHERE id = 1 RETURNING status, silent;
SELECT status FROM reject(1);
SELECT status FROM reject(1);
SELECT kind, previous, status, times FROM told ORDER BY id;
DELETE FROM invitation;

-- An answer after its time: the clock decides, no tick needed.
SET cirro.clock = '2030-01-01 12:00+00';
INSERT INTO gig (id, title, url, start_at, end_at, total_seats, invitation_mode, answer_within, filter_query)
VALUES (2, 'Gig', 'https://gig', '2030-01-02 12:00+00', '2030-01-03 12:00+00', 50, 'manual', '1 hour', '{}');
INSERT INTO invitation (id, gig_id, worker_id) SELECT 200 + w, 2, w FROM generate_series(1, 9) w;
SET cirro.clock = '2030-01-01 12:59:59.999999+00';
SELECT status FROM accept(201);
SELECT status FROM reject(202);
SELECT worker_id, status, reason, can_accept, why_not FROM worker_invitation WHERE gig_id = 2 AND worker_id <= 3 ORDER BY worker_id;
SET cirro.clock = '2030-01-01 13:00+00';
SELECT worker_id, status, reason, can_accept, why_not FROM worker_invitation WHERE gig_id = 2 AND worker_id <= 3 ORDER BY worker_id;
SELECT pending, accepted, rejected, expired FROM gig_status WHERE gig_id = 2;
SELECT pg_temp.try('SELECT accept(203)');
SELECT pg_temp.try('SELECT reject(203)');
SELECT * FROM try_accept(203);
SELECT status FROM leave(201);
-- It can be invited again, and then has its time anew.
SELECT status, reason FROM expire(203);
SELECT status, reason, invited_at, times_invited FROM reset(203);
SELECT status, invited_at, times_invited FROM reset(204);
SELECT outcome FROM invite(2, '{5}');
SELECT worker_id, status, reason, can_accept, why_not FROM worker_invitation WHERE gig_id = 2 AND worker_id BETWEEN 3 AND 6 ORDER BY worker_id;
-- A longer time to answer opens them again, as the clock says.
UPDATE gig SET answer_within = '2 hours' WHERE id = 2;
SELECT status FROM accept(206);

-- Whose time to answer had passed is expired by that, whatever comes later and
-- whether a tick was there in between: a wave must not invite them again.
CREATE FUNCTION pg_temp.reasons(tick boolean) RETURNS SETOF text LANGUAGE plpgsql AS $$
#variable_conflict use_variable
DECLARE
	g bigint;
BEGIN
	FOR g IN 20..23 LOOP
		PERFORM set_config('cirro.clock', '2030-01-01 12:00+00', true);
		INSERT INTO gig (id, title, url, start_at, end_at, seats_max, invitation_mode, answer_within, filter_query)
		VALUES (g, 'Gig', 'https://gig', '2030-01-01 12:00+00', '2030-01-01 15:00+00', 2, 'manual', '1 hour', '{}');
		INSERT INTO invitation (id, gig_id, worker_id, status, send_at) VALUES (1000 * g + 1, g, 1, 'pending', NULL), (1000 * g + 4, g, 4, 'scheduled', '2030-01-01 14:30+00');
		PERFORM set_config('cirro.clock', '2030-01-01 13:30+00', true);
		INSERT INTO invitation (id, gig_id, worker_id, status) VALUES (1000 * g + 2, g, 2, 'pending'), (1000 * g + 3, g, 3, 'accepted');
		IF tick THEN
			CALL cirro.run_waves('invitation');
		END IF;
		CASE g WHEN 20 THEN
			INSERT INTO invitation (id, gig_id, worker_id, status) VALUES (1000 * g + 5, g, 5, 'accepted');
		WHEN 21 THEN
			UPDATE gig SET seats_max = 1 WHERE id = g;
		WHEN 22 THEN
			PERFORM archive(g);
		ELSE
			PERFORM set_config('cirro.clock', '2030-01-01 16:00+00', true);
		END CASE;
		RETURN NEXT concat_ws(' ', 'gig', g, (SELECT string_agg(concat_ws(' ', worker_id, reason, why_not), ', ' ORDER BY worker_id)
			FROM worker_invitation WHERE gig_id = g AND status = 'expired'));
		PERFORM expire(id) FROM invitation WHERE gig_id = g AND status IN ('pending', 'scheduled');
		RETURN NEXT concat_ws(' ', ' stored', (SELECT string_agg(concat_ws(' ', worker_id, reason), ', ' ORDER BY worker_id)
			FROM invitation WHERE gig_id = g AND status = 'expired'));
	END LOOP;
END $$;
BEGIN;
SELECT pg_temp.reasons(false);
ROLLBACK;
BEGIN;
SET client_min_messages = error;
SELECT pg_temp.reasons(true);
ROLLBACK;

-- From the end on nothing is answered; who was accepted stays.
SET cirro.clock = '2030-01-01 13:30+00';
INSERT INTO invitation (id, gig_id, worker_id) VALUES (210, 2, 10);
SET cirro.clock = '2030-01-03 12:00+00';
UPDATE gig SET archive_at = '2030-01-04' WHERE id = 2;
SELECT pg_temp.try(format('SELECT %s', c))
FROM unnest('{accept(210),reject(210),leave(206),reset(206),reset(202),reset(210),accept(206),reject(202)}'::text[]) WITH ORDINALITY u (c, n) ORDER BY n;
SELECT * FROM try_accept(210);
SELECT * FROM try_accept(206);
SELECT pg_temp.try('INSERT INTO invitation (gig_id, worker_id) VALUES (2, 30)');
SELECT pg_temp.try($$INSERT INTO invitation (gig_id, worker_id, status) VALUES (2, 30, 'accepted')$$);
SELECT pg_temp.try($$INSERT INTO invitation (gig_id, worker_id, status, send_at) VALUES (2, 30, 'scheduled', '2030-01-03 11:00+00')$$);
SELECT status, reason FROM expire(210);
SELECT worker_id, status, reason, can_accept, why_not FROM worker_invitation WHERE gig_id = 2 AND worker_id IN (1, 2, 6, 9, 10) ORDER BY worker_id;

-- A changed profile does not touch invitations, nor does a worker's absence.
SET cirro.clock = '2030-01-01 12:00+00';
INSERT INTO invitation (id, gig_id, worker_id) VALUES (50, 1, 50);
UPDATE gig SET filter_query = '{"a": 1}' WHERE id = 1;
UPDATE worker SET profile = '{"a": 2}', active = false WHERE id = 50;
SELECT status FROM accept(50);
SELECT status FROM invitation WHERE id = 50;
SELECT accepted FROM gig_status WHERE gig_id = 1;
SELECT * FROM check_consistency();

-- What expired because the seats are filled can be declined while the gig is
-- open, and nobody invites that worker again. What expired otherwise cannot.
INSERT INTO gig (id, title, url, start_at, end_at, seats_max, invitation_mode, answer_within, filter_query)
VALUES (30, 'Gig', 'https://gig', '2030-01-02 12:00+00', '2030-01-03 12:00+00', 1, 'manual', '10 hours', '{}');
INSERT INTO invitation (id, gig_id, worker_id) SELECT 3000 + w, 30, w FROM generate_series(1, 8) w;
SELECT status, reason FROM expire(3007);
SELECT status, reason FROM expire(3008, 'withdrawn');
DELETE FROM event;
SELECT status FROM accept(3001);
SELECT worker_id, status, reason FROM invitation WHERE gig_id = 30 ORDER BY worker_id;
SELECT status, reason, responded_at, times_invited FROM reject(3002);
SELECT status, reason FROM reject(3003, 'busy');
UPDATE invitation SET status = 'rejected' WHERE id IN (3004) RETURNING status, reason;
SELECT status, reason FROM reject(3002, 'again');
SELECT pg_temp.try(format('SELECT reject(%s)', n)) FROM generate_series(3007, 3008) n ORDER BY n;
SELECT pg_temp.try('SELECT accept(3005)');
SELECT worker_id, previous, status FROM event WHERE gig_id = 30 AND status <> 'expired' ORDER BY id;
-- Nor has that a time of its own: who saw it late declines it as well.
SET cirro.clock = '2030-01-02 12:00+00';
SELECT status, reason FROM reject(3005);
SELECT status FROM leave(3001);
SELECT worker_id, outcome FROM invite(30, '{1,2,3,4,5,7}');
UPDATE gig SET invitation_mode = 'auto' WHERE id = 30;
UPDATE worker SET active = id <= 6;
SELECT outcome, invited FROM run_wave(30);
SELECT worker_id, status, times_invited FROM invitation WHERE gig_id = 30 AND status = 'pending' ORDER BY worker_id;
SELECT status FROM accept(3006);
-- The end ends that too.
SET cirro.clock = '2030-01-03 12:00+00';
SELECT pg_temp.try('SELECT reject(3007)');
SELECT * FROM check_consistency();

-- A trigger of the Space's owner that keeps the row as it is: an error of its own,
-- not that of an invitation that is not there.
SET cirro.clock = '2030-01-01 12:00+00';
INSERT INTO gig (id, title, url, start_at, end_at, total_seats, invitation_mode, filter_query)
VALUES (40, 'Gig', 'https://gig', '2030-01-02 12:00+00', '2030-01-03 12:00+00', 5, 'manual', '{}');
INSERT INTO invitation (id, gig_id, worker_id, status) VALUES (4001, 40, 1, 'pending'), (4002, 40, 2, 'accepted');
CREATE FUNCTION keep_out() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
CREATE TRIGGER keep_out BEFORE UPDATE ON invitation FOR EACH ROW EXECUTE FUNCTION keep_out();
SELECT pg_temp.try('SELECT accept(4001)');
SELECT split_part(pg_temp.try(format('SELECT %s', c)), E'\n', 1)
FROM unnest('{reject(4001),"reject(4001, ''busy'')",leave(4002),expire(4001),reset(4002),"reset(4002, true)",accept(4009)}'::text[]) WITH ORDINALITY u (c, n) ORDER BY n;
SELECT * FROM try_accept(4001);
SELECT * FROM try_accept(4009);
-- So does one that lets it pass, but not with that status.
CREATE OR REPLACE FUNCTION keep_out() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN OLD; END';
SELECT * FROM try_accept(4001);
SELECT split_part(pg_temp.try('SELECT accept(4001)'), E'\n', 1);
DROP TRIGGER keep_out ON invitation;
DROP FUNCTION keep_out();
SELECT * FROM try_accept(4001);
SELECT * FROM check_consistency();

-- A scheduled invitation is sent before its gig ends, however it is written: as
-- invite() says.
SET cirro.clock = '2030-01-01 12:00+00';
INSERT INTO gig (id, title, url, start_at, end_at, total_seats, invitation_mode, filter_query)
SELECT g, 'Gig', 'https://gig', '2030-01-02 12:00+00', timestamptz '2030-01-03 12:00:00.000001+00' + (g - 50) * interval '1 hour', 5, 'manual', '{}' FROM generate_series(50, 52) g;
SELECT pg_temp.try($$SELECT * FROM invite(50, '{1}', '2030-01-03 12:00:00.000001+00')$$);
SELECT s, split_part(pg_temp.try(format($$INSERT INTO invitation (id, gig_id, worker_id, status, send_at) VALUES (5001, 50, 1, 'scheduled', %L)$$, s)), E'\n', 1)
FROM unnest('{2030-01-03 12:00:00.000001+00,infinity,2030-01-03 12:00+00}'::text[]) s;
SELECT pg_temp.try(format($$UPDATE invitation SET send_at = %L WHERE id = 5001$$, s)) FROM unnest('{2030-01-03 12:00:00.000001+00,2030-02-01,2030-01-03 12:00:00.000000+00}'::text[]) s;
INSERT INTO invitation (id, gig_id, worker_id, status, send_at) SELECT 5000 + g, g, 2, 'scheduled', '2030-01-02 12:00:00.123456+00' FROM generate_series(50, 52) g;
SELECT pg_temp.try($$UPDATE invitation SET send_at = '2030-01-03 13:00:00.000001+00' WHERE id BETWEEN 5050 AND 5052$$),
	pg_temp.try($$UPDATE invitation SET send_at = '2030-01-03 13:00:00.000001+00' WHERE id BETWEEN 5051 AND 5052$$),
	pg_temp.try($$UPDATE invitation SET send_at = '2030-01-03 13:00:00.000001+00' WHERE id = 5052$$);
SELECT status FROM expire(5051);
SELECT split_part(pg_temp.try($$UPDATE invitation SET status = 'scheduled', send_at = '2030-01-03 13:00:00.000001+00' WHERE id = 5051$$), E'\n', 1),
	pg_temp.try($$UPDATE invitation SET status = 'scheduled', send_at = '2030-01-03 13:00+00' WHERE id = 5051$$);
COPY invitation (id, gig_id, worker_id, status, send_at) FROM stdin;
5002	50	3	scheduled	2030-01-03 12:00+00
5003	50	4	scheduled	2030-01-03 13:00+00
\.
-- Of one that is not scheduled any more send_at is history; a time cut to
-- milliseconds is the one that was there.
INSERT INTO invitation (id, gig_id, worker_id, send_at) VALUES (5004, 50, 5, '2031-01-01') RETURNING status;
WITH cut AS (UPDATE invitation i SET send_at = date_trunc('milliseconds', i.send_at), created_at = date_trunc('milliseconds', i.created_at), reason = 'cut'
	WHERE i.id IN (5050, 5051) RETURNING i.send_at, i.status)
SELECT c.send_at, c.status FROM cut c ORDER BY c.send_at;
SELECT pg_temp.try($$UPDATE invitation SET created_at = '2000-01-01' WHERE id = 5050$$);
-- The gig may end earlier than that: it expires then, and is not put off beyond.
UPDATE gig SET end_at = '2030-01-02 12:00:00.1+00', start_at = '2030-01-02' WHERE id = 50;
UPDATE invitation SET reason = 'later', send_at = date_trunc('milliseconds', send_at) WHERE id = 5050 RETURNING status, send_at;
SELECT split_part(pg_temp.try($$UPDATE invitation SET send_at = '2030-01-02 12:00:00.122+00' WHERE id = 5050$$), E'\n', 1),
	pg_temp.try($$UPDATE invitation SET send_at = '2030-01-02 12:00:00.099999+00' WHERE id = 5001$$);
SELECT * FROM check_consistency();
SET cirro.clock = '2030-01-02 12:00:00.2+00';
SELECT split_part(pg_temp.try($$UPDATE invitation SET send_at = '2030-01-02 12:00+00' WHERE id = 5050$$), E'\n', 1);
UPDATE invitation SET send_at = date_trunc('milliseconds', send_at) WHERE gig_id = 50;
CALL cirro.run_waves('invitation');
SELECT id, status, reason, send_at FROM invitation WHERE gig_id = 50 ORDER BY id;
SELECT * FROM check_consistency();

SET client_min_messages = warning;
DROP VIEW told;
SELECT cirro.drop_space('invitation');
