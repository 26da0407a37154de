-- Seats: how target and capacity follow from seats_min, total_seats and
-- seats_max, and that accepted never passes the capacity, whichever way rows
-- are written. Reaching an explicit seats_max ends the search at once.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS cirro;
SELECT cirro.create_space('seats');
RESET client_min_messages;
SET timezone = 'UTC';
SET datestyle = 'ISO';
SET intervalstyle = 'postgres';
SET search_path = seats;
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

-- A manual gig of tomorrow with the seats given, workers 1 to n invited.
CREATE FUNCTION pg_temp.gig(seats_min int, total_seats int, seats_max int, invited int DEFAULT 0,
	gig_id bigint DEFAULT NULL) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	new_id bigint := coalesce(gig_id, (SELECT coalesce(max(id), 0) + 1 FROM gig));
BEGIN
	INSERT INTO gig (id, title, url, start_at, end_at, seats_min, total_seats, seats_max, invitation_mode, filter_query)
	VALUES (new_id, 'Gig ' || new_id, 'https://gig', '2030-01-02 12:00+00', '2030-01-03 12:00+00',
		$1, $2, $3, 'manual', '{}');
	INSERT INTO invitation (id, gig_id, worker_id)
	SELECT new_id * 10 + w, new_id, w FROM generate_series(1, invited) w;
	RETURN new_id;
END $$;

-- Where a gig stands: seats by gig_state, and the stored invitations.
CREATE FUNCTION pg_temp.show(gig bigint) RETURNS text LANGUAGE sql AS $$
	SELECT concat(s.accepted, ' of ', coalesce(s.capacity::text, 'any'), ':',
		(SELECT string_agg(concat_ws(' ', ' ' || i.worker_id, i.status, i.reason), ',' ORDER BY i.worker_id)
		 FROM invitation i WHERE i.gig_id = s.gig_id))
	FROM gig_state s WHERE s.gig_id = show.gig $$;

INSERT INTO worker (id) SELECT generate_series(1, 9);
ALTER TABLE invitation ALTER id RESTART 1000;

-- Target is seats_min, else total_seats, else seats_max; capacity is seats_max,
-- else total_seats, else none, which a NOTICE says.
SELECT pg_temp.gig(v.a, v.b, v.c, 0, v.id) FROM (VALUES (1, 2, NULL::int, NULL::int), (2, NULL, 3, NULL), (3, NULL, NULL, 4), (4, 2, 3, NULL),
	(5, 2, NULL, 4), (6, NULL, 3, 4), (7, 2, 3, 4), (8, 2, 2, 2), (9, 2147483647, 2147483647, 2147483647)) v (id, a, b, c) ORDER BY v.id;
\pset tuples_only off
SELECT g.id, g.seats_min, g.total_seats, g.seats_max, s.target, s.capacity, s.vacancies
FROM gig g JOIN gig_status s ON s.gig_id = g.id ORDER BY g.id;
\pset tuples_only on

-- At least one is given, each at least 1, and min <= total <= max.
SELECT format('%s %s %s', coalesce(a, '-'), coalesce(b, '-'), coalesce(c, '-')) AS min_total_max,
	pg_temp.try(format('SELECT pg_temp.gig(%s, %s, %s)', coalesce(a, 'NULL'), coalesce(b, 'NULL'), coalesce(c, 'NULL')))
FROM (VALUES (1, NULL, NULL, NULL), (2, '0', NULL, NULL), (3, NULL, '0', NULL), (4, NULL, NULL, '-1'), (5, '0', '1', '2'),
	(6, '3', '2', NULL), (7, '3', NULL, '2'), (8, NULL, '3', '2'), (9, '3', '4', '2'), (10, '1', '3', '2'),
	(11, NULL, '2147483647', '1')) v (n, a, b, c) ORDER BY n;
SELECT pg_temp.try('UPDATE gig SET seats_min = NULL WHERE id = 1');
SELECT pg_temp.try('UPDATE gig SET total_seats = NULL, seats_max = 1 WHERE id = 4');

DELETE FROM gig;

-- An accept at capacity is refused; without seats_max the pending ones stay,
-- and can take a seat that comes free.
SELECT pg_temp.gig(NULL, 2, NULL, 4, 1);
SELECT status FROM accept(11);
SELECT status FROM accept(12);
SELECT pg_temp.try('SELECT accept(13)');
SELECT * FROM try_accept(13);
SELECT pg_temp.show(1);
SELECT status FROM leave(11);
SELECT status FROM accept(13);
SELECT pg_temp.try('SELECT accept(14)');
SELECT pg_temp.show(1);

-- Only seats_min: no capacity.
SELECT pg_temp.gig(1, NULL, NULL, 3, 2);
SELECT count(*) FROM invitation i, accept(i.id) WHERE i.gig_id = 2;
SELECT pg_temp.show(2);

-- seats_min below seats_max: accepts go on beyond the target.
SELECT pg_temp.gig(1, NULL, 2, 3, 3);
INSERT INTO invitation (gig_id, worker_id, status, send_at) VALUES (3, 4, 'scheduled', '2030-01-01 18:00+00');
SELECT status FROM accept(31);
SELECT pg_temp.show(3);
-- The one that reaches an explicit seats_max expires all others at once.
SELECT status FROM accept(32);
SELECT pg_temp.show(3);
SELECT pg_temp.try('SELECT accept(33)');
SELECT * FROM try_accept(33);
-- Nobody can be invited then, until a seat comes free or seats are raised.
SELECT pg_temp.try('SELECT reset(33)');
SELECT pg_temp.try($$INSERT INTO invitation (gig_id, worker_id) VALUES (3, 5)$$);
SELECT pg_temp.try($$INSERT INTO invitation (gig_id, worker_id, status, send_at) VALUES (3, 5, 'scheduled', '2030-01-01 18:00+00')$$);
SELECT pg_temp.try($$INSERT INTO invitation (gig_id, worker_id, status) VALUES (3, 5, 'accepted')$$);
-- accepted -> pending frees the seat.
SELECT status FROM reset(31);
SELECT pg_temp.show(3);
SELECT status FROM reset(33);
SELECT status FROM accept(33);
SELECT pg_temp.show(3);
UPDATE gig SET seats_max = 3 WHERE id = 3;
SELECT status FROM reset(31);
SELECT pg_temp.show(3);

-- Lowering evicts nobody; lowering to accepted expires the rest.
SELECT pg_temp.gig(NULL, NULL, 4, 4, 4);
UPDATE invitation SET status = 'accepted' WHERE id IN (41, 42, 43);
UPDATE gig SET seats_max = 3 WHERE id = 4;
SELECT pg_temp.show(4);
UPDATE gig SET seats_max = 1 WHERE id = 4;
SELECT pg_temp.show(4);
SELECT vacancies, target, capacity FROM gig_status WHERE gig_id = 4;
-- A freed seat above the capacity is none.
SELECT status FROM leave(41);
SELECT pg_temp.try('SELECT accept(44)');
SELECT pg_temp.try('SELECT reset(44)');
SELECT pg_temp.show(4);

-- Lowering below accepted; giving a seats_max that is reached already.
SELECT pg_temp.gig(NULL, 3, NULL, 4, 5);
UPDATE invitation SET status = 'accepted' WHERE id IN (51, 52, 53);
UPDATE gig SET total_seats = 2 WHERE id = 5;
SELECT pg_temp.show(5);
UPDATE gig SET seats_max = 3 WHERE id = 5;
SELECT pg_temp.show(5);

-- Raising opens seats for those who are pending.
SELECT pg_temp.gig(NULL, 1, NULL, 3, 6);
SELECT status FROM accept(61);
SELECT pg_temp.try('SELECT accept(62)');
UPDATE gig SET total_seats = 2 WHERE id = 6;
SELECT status FROM accept(62);
-- No capacity any more.
UPDATE gig SET total_seats = NULL, seats_min = 1 WHERE id = 6;
SELECT status FROM accept(63);
SELECT pg_temp.show(6);

-- A statement of many rows that would pass the capacity fails whole, with
-- seats_max and without.
SELECT pg_temp.gig(NULL, NULL, 2, 4, 7), pg_temp.gig(NULL, 2, NULL, 4, 8);
SELECT pg_temp.try(format($$UPDATE invitation SET status = 'accepted' WHERE gig_id = %s$$, g)) FROM generate_series(7, 8) g;
SELECT g, pg_temp.show(g) FROM generate_series(7, 8) g;
UPDATE invitation SET status = 'accepted' WHERE gig_id IN (7, 8) AND worker_id <= 2;
SELECT g, pg_temp.show(g) FROM generate_series(7, 8) g;
-- One out and one in is no more than before.
UPDATE invitation SET status = CASE worker_id WHEN 1 THEN 'left' ELSE 'accepted' END WHERE gig_id = 8 AND worker_id IN (1, 3);
SELECT pg_temp.show(8);
-- Two gigs in one statement: one too many in the second spoils both.
SELECT pg_temp.gig(NULL, NULL, 2, 2, 9), pg_temp.gig(NULL, NULL, 1, 2, 10);
SELECT pg_temp.try($$UPDATE invitation SET status = 'accepted' WHERE gig_id IN (9, 10)$$);
SELECT g, pg_temp.show(g) FROM generate_series(9, 10) g;

-- Two UPDATEs in one query count together, and so does a MERGE.
SELECT pg_temp.gig(NULL, 1, NULL, 2, 15);
SELECT pg_temp.try($$WITH first AS (UPDATE invitation SET status = 'accepted' WHERE id = 151 RETURNING id)
	UPDATE invitation SET status = 'accepted' WHERE id = 152$$);
SELECT pg_temp.try($$WITH first AS (INSERT INTO invitation (gig_id, worker_id, status) VALUES (15, 3, 'accepted'))
	UPDATE invitation SET status = 'accepted' WHERE id = 152$$);
SELECT pg_temp.try($$MERGE INTO invitation i USING (VALUES (15, 2), (15, 3)) v (gig_id, worker_id) ON i.gig_id = v.gig_id AND i.worker_id = v.worker_id
	WHEN MATCHED THEN UPDATE SET status = 'accepted' WHEN NOT MATCHED THEN INSERT (gig_id, worker_id, status) VALUES (v.gig_id, v.worker_id, 'accepted')$$);
SELECT pg_temp.show(15);
MERGE INTO invitation i USING (VALUES (15, 2), (15, 3)) v (gig_id, worker_id) ON i.gig_id = v.gig_id AND i.worker_id = v.worker_id
	WHEN MATCHED THEN UPDATE SET status = 'accepted' WHEN NOT MATCHED THEN INSERT (gig_id, worker_id, status) VALUES (v.gig_id, v.worker_id, 'pending');
-- A seat given up and one taken, by two UPDATEs in one query.
WITH first AS (UPDATE invitation SET status = 'left' WHERE id = 152 RETURNING id)
	UPDATE invitation SET status = 'accepted' WHERE id = 151;
SELECT pg_temp.show(15);

-- INSERT, ON CONFLICT and COPY of accepted rows.
SELECT pg_temp.gig(NULL, NULL, 2, 0, 11);
SELECT pg_temp.try($$INSERT INTO invitation (gig_id, worker_id, status) SELECT 11, w, 'accepted' FROM generate_series(1, 3) w$$);
INSERT INTO invitation (gig_id, worker_id, status) VALUES (11, 1, 'accepted');
INSERT INTO invitation (gig_id, worker_id, status) VALUES (11, 1, 'accepted'), (11, 1, 'accepted') ON CONFLICT DO NOTHING;
SELECT pg_temp.show(11);
INSERT INTO invitation (gig_id, worker_id) VALUES (11, 2), (11, 3), (11, 4);
SELECT pg_temp.try($$INSERT INTO invitation (gig_id, worker_id, status) VALUES (11, 2, 'accepted'), (11, 5, 'accepted')
	ON CONFLICT (gig_id, worker_id) DO UPDATE SET status = excluded.status$$);
SELECT pg_temp.show(11);
INSERT INTO invitation (gig_id, worker_id, status) VALUES (11, 1, 'accepted'), (11, 2, 'accepted')
	ON CONFLICT (gig_id, worker_id) DO UPDATE SET status = excluded.status;
SELECT pg_temp.show(11);

SELECT pg_temp.gig(NULL, NULL, 2, 0, 12);
COPY invitation (gig_id, worker_id, status) FROM stdin;
12	1	accepted
12	2	accepted
12	3	accepted
\.
SELECT pg_temp.show(12);
-- The row that reaches seats_max expires the pending ones beside it.
COPY invitation (gig_id, worker_id, status) FROM stdin;
12	1	accepted
12	2	accepted
12	3	pending
\.
SELECT pg_temp.show(12);

-- Deleting a worker or an invitation frees seats.
DELETE FROM invitation WHERE gig_id = 12 AND worker_id = 1;
SELECT pg_temp.show(12);
SELECT pg_temp.gig(NULL, 2, NULL, 0, 13);
INSERT INTO worker (id) VALUES (20), (21);
INSERT INTO invitation (id, gig_id, worker_id, status) VALUES (131, 13, 20, 'accepted'), (132, 13, 21, 'accepted'), (133, 13, 1, 'pending');
DELETE FROM worker WHERE id IN (20, 21);
SELECT status FROM accept(133);
SELECT pg_temp.show(13);
SELECT vacancies, accepted FROM gig_status WHERE gig_id = 13;

-- A freed seat makes a wave due at the later of now and the last due time
-- + frequency; raised seats, another filter and the mode auto at once.
SELECT pg_temp.gig(NULL, 1, NULL, 1, 14);
UPDATE gig SET invitation_mode = 'auto', invitation_frequency = '1 hour' WHERE id = 14;
SELECT next_wave_at FROM gig_status WHERE gig_id = 14;
UPDATE gig_state SET last_due_at = '2030-01-01 11:30+00' WHERE gig_id = 14;
SELECT status FROM accept(141);
SELECT next_wave_at FROM gig_status WHERE gig_id = 14;
SELECT status FROM leave(141);
SELECT next_wave_at FROM gig_status WHERE gig_id = 14;
SELECT status FROM reset(141);
SELECT status FROM accept(141);
UPDATE gig SET total_seats = 2 WHERE id = 14;
SELECT next_wave_at FROM gig_status WHERE gig_id = 14;
UPDATE gig SET total_seats = 1 WHERE id = 14;
SELECT next_wave_at FROM gig_status WHERE gig_id = 14;
SET cirro.clock = '2030-01-01 13:00+00';
SELECT status FROM leave(141);
SELECT next_wave_at FROM gig_status WHERE gig_id = 14;
UPDATE gig_state SET next_wave_at = '2030-01-01 14:00+00' WHERE gig_id = 14;
UPDATE gig SET filter_query = '{"a":1}' WHERE id = 14;
SELECT next_wave_at FROM gig_status WHERE gig_id = 14;
UPDATE gig_state SET next_wave_at = '2030-01-01 14:00+00' WHERE gig_id = 14;
UPDATE gig SET invitation_mode = 'manual' WHERE id = 14;
SELECT next_wave_at FROM gig_status WHERE gig_id = 14;
UPDATE gig SET invitation_mode = 'auto' WHERE id = 14;
SELECT next_wave_at FROM gig_status WHERE gig_id = 14;
-- What does not concern waves leaves their time alone.
UPDATE gig_state SET next_wave_at = '2030-01-01 14:00+00' WHERE gig_id = 14;
UPDATE gig SET title = 'Other', invitation_multiplier = 3 WHERE id = 14;
SELECT next_wave_at FROM gig_status WHERE gig_id = 14;

-- What is scheduled for a time when the seats are filled, without an explicit
-- seats_max, waits for one and does not make the gig due meanwhile; sent it is
-- when a seat comes free, here by a leave, a deletion and a raise of the seats.
SET cirro.clock = '2030-01-01 12:00+00';
SELECT pg_temp.gig(NULL, 1, NULL, 1, 77);
INSERT INTO invitation (id, gig_id, worker_id, status, send_at)
SELECT 770 + w, 77, w, 'scheduled', timestamptz '2030-01-01 12:00+00' + w * interval '10 minutes' FROM generate_series(2, 4) w;
SELECT status FROM accept(771);
SET cirro.clock = '2030-01-01 12:25+00';
CALL cirro.run_waves('seats');
SELECT pg_temp.show(77);
SELECT next_event_at FROM gig_state WHERE gig_id = 77;
SELECT * FROM check_consistency();
SELECT status FROM leave(771);
CALL cirro.run_waves('seats');
SELECT pg_temp.show(77);
SELECT status FROM accept(772);
SET cirro.clock = '2030-01-01 12:35+00';
CALL cirro.run_waves('seats');
SELECT pg_temp.show(77);
DELETE FROM invitation WHERE id = 772;
CALL cirro.run_waves('seats');
SELECT pg_temp.show(77);
SELECT status FROM accept(773);
SET cirro.clock = '2030-01-01 12:45+00';
CALL cirro.run_waves('seats');
UPDATE gig SET total_seats = 2 WHERE id = 77;
CALL cirro.run_waves('seats');
SELECT pg_temp.show(77);

SELECT * FROM check_consistency();

-- seats_granted: of a gig that Spaces share. Target and capacity are at most that,
-- and the rest expires only at an explicit seats_max.
SET cirro.clock = '2030-01-01 12:00+00';
DELETE FROM gig;
CREATE FUNCTION pg_temp.granted(gig_id bigint, seats_min int, total_seats int, seats_max int, granted int) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	PERFORM pg_temp.gig(seats_min, total_seats, seats_max, 0, gig_id);
	UPDATE gig g SET seats_granted = granted WHERE g.id = granted.gig_id;
	RETURN (SELECT concat_ws(' ', s.target, coalesce(s.capacity::text, 'any'), s.expires_rest) FROM gig_state s WHERE s.gig_id = granted.gig_id);
END $$;
SELECT format('%s %s %s %s: ', coalesce(a, '-'), coalesce(b, '-'), coalesce(c, '-'), coalesce(d, '-')) || pg_temp.granted(row_number() OVER (), a::int, b::int, c::int, d::int)
FROM (VALUES (NULL, '5', NULL, NULL), (NULL, '5', NULL, '3'), (NULL, '5', NULL, '9'), ('2', '5', NULL, '3'), ('4', '5', NULL, '3'), ('4', NULL, NULL, '3'), ('2', NULL, NULL, '3'),
	(NULL, NULL, '4', NULL), (NULL, NULL, '4', '3'), (NULL, NULL, '4', '4'), (NULL, NULL, '4', '5'), ('2', '3', '4', '0'), ('2', '3', '4', '2147483647')) v (a, b, c, d);
-- A limit that is granted is one: no NOTICE.
INSERT INTO gig (id, title, url, start_at, end_at, seats_min, seats_granted, filter_query) VALUES (50, 'Granted', 'u', '2030-01-02', '2030-01-03', 2, 2, '{}');
SELECT * FROM check_consistency();
DELETE FROM gig;
-- Less than seats_max: at capacity the others stay, and take a seat that comes.
SELECT pg_temp.gig(NULL, NULL, 3, 5, 1);
UPDATE gig SET seats_granted = 1;
SELECT status FROM accept(11);
SELECT pg_temp.show(1);
SELECT pg_temp.try('SELECT accept(12)');
UPDATE gig SET seats_granted = 2;
SELECT status FROM accept(12);
-- Lowering evicts nobody; none at all.
UPDATE gig SET seats_granted = 0;
SELECT pg_temp.show(1);
SELECT pg_temp.try('SELECT accept(13)');
SELECT vacancies, accepted, target FROM gig_status;
SELECT status FROM leave(11);
SELECT pg_temp.try('SELECT accept(13)');
-- Granted all: seats_max is reached, and the rest expires; also by a grant alone.
UPDATE gig SET seats_granted = 3;
SELECT status FROM accept(13);
SELECT pg_temp.show(1);
SELECT status FROM accept(14);
SELECT pg_temp.show(1);
SELECT pg_temp.gig(NULL, NULL, 2, 4, 2);
UPDATE gig SET seats_granted = 1, seats_max = 3 WHERE id = 2;
SELECT status FROM accept(21);
SELECT pg_temp.show(2);
UPDATE gig SET seats_max = 1 WHERE id = 2;
SELECT pg_temp.show(2);
-- Raising makes a wave due at once, lowering ends them, as does NULL what it does.
SELECT pg_temp.gig(NULL, 4, NULL, 0, 3);
UPDATE gig SET invitation_mode = 'auto', invitation_multiplier = 1, seats_granted = 1 WHERE id = 3;
CALL cirro.run_waves('seats');
SELECT count(*) FROM invitation WHERE gig_id = 3;
SELECT next_wave_at FROM gig_state WHERE gig_id = 3;
UPDATE gig SET seats_granted = 2 WHERE id = 3;
SELECT next_wave_at FROM gig_state WHERE gig_id = 3;
CALL cirro.run_waves('seats');
SELECT count(*) FROM invitation WHERE gig_id = 3;
UPDATE gig SET seats_granted = 0 WHERE id = 3;
SELECT next_wave_at, target FROM gig_state WHERE gig_id = 3;
UPDATE gig SET seats_granted = NULL WHERE id = 3;
SELECT next_wave_at, target FROM gig_state WHERE gig_id = 3;
-- A gig that comes without a seat has no first wave before it is granted one.
INSERT INTO gig (id, title, url, start_at, end_at, total_seats, seats_granted, filter_query) VALUES (51, 'None', 'u', '2030-01-02', '2030-01-03', 2, 0, '{}');
SELECT next_wave_at, next_event_at FROM gig_state WHERE gig_id = 51;
SELECT * FROM check_consistency();
UPDATE gig SET seats_granted = 1 WHERE id = 51;
SELECT next_wave_at, next_event_at FROM gig_state WHERE gig_id = 51;
SELECT * FROM check_consistency();

SET client_min_messages = warning;
SELECT cirro.drop_space('seats');
