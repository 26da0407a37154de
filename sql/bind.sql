--
-- bind: filters that depend on time, on their own and as those of gigs
--
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS cirro;
RESET client_min_messages;
SET timezone = 'Pacific/Auckland';
SET datestyle = 'ISO';
SET cirro.clock = '2028-02-29 23:59:30+00';
\pset format unaligned
\pset fieldsep ' | '
\pset footer off
\pset tuples_only on
\pset null -

CREATE FUNCTION pg_temp.refusal(filter text, OUT state text, OUT message text, OUT detail text, OUT hint text)
LANGUAGE plpgsql AS $$
BEGIN
	state := 'accepted';
	PERFORM cirro.bind(filter::jsonb);
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT,
		detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
	message := replace(message, 'invalid input for type filter_query: ', '');
END $$;
CREATE FUNCTION pg_temp.at_now(span text, at timestamptz DEFAULT NULL) RETURNS text LANGUAGE sql AS $$
	SELECT cirro.bind(jsonb_build_object('a', jsonb_build_object('$gt', jsonb_build_object('$now', span))), at)::jsonb #>> '{a,$gt}' $$;

--
-- $now: UTC, cut to the day if only days and longer units are named, else to the minute
--
SELECT span, pg_temp.at_now(span) FROM (VALUES ('0 days'), ('-30 days'), ('30 d'), ('1 week'), ('-1 month'), ('1 mon'), ('12 months'), ('1 year'),
	('-18 years'), ('1 year 2 mons 3 days'), ('1-2'), ('P1Y2M3D'), ('P2W'), ('@ 1 day ago'), ('2 decades'),
	('0 hours'), ('0'), ('-90'), ('1 hour'), ('-90 minutes'), ('24 hours'), ('1 day 0 hours'), ('1 day 00:00'), ('1.5 days'), ('PT1H'), ('P1DT0S'),
	('30 seconds'), ('29999 milliseconds'), ('0.5 months')) v (span);
-- Months and days are those of UTC, and a month that is too short ends earlier.
SELECT at, span, pg_temp.at_now(span, at) FROM (VALUES ('2027-03-31 12:00+00'::timestamptz, '-1 month'), ('2028-03-31 12:00+00', '-1 month'),
	('2028-02-29 12:00+00', '-1 year'), ('2028-02-29 12:00+00', '4 years'), ('2027-12-31 23:30+00', '1 hour'), ('2027-03-28 00:30+00', '1 day'),
	('2027-03-28 00:30+00', '24 hours'), ('2027-10-31 00:30+00', '-24 hours'), ('2028-01-01 12:59+13', '0 days'), ('2028-01-01 13:00+13', '0 days')) v (at, span)
	ORDER BY at, span;
-- The years that text puts in order.
SELECT pg_temp.at_now('9000 years'), pg_temp.at_now('-9000 years'), pg_temp.at_now('9000 years 1 minute'), pg_temp.at_now('1 day', '294276-12-31 23:00+00'),
	pg_temp.at_now('-1 day', '4713-01-02 00:00+00 BC');
-- The text is a prefix of ISO 8601 in every form.
SELECT d, cirro.matches(to_jsonb(d), cirro.bind('{"$or": [{"": 1}]}')) AS never, jsonb_build_object('until', d) OPERATOR(cirro.@@) cirro.bind('{"until": {"$gte": {"$now": "0 days"}}}') AS today,
	jsonb_build_object('until', d) OPERATOR(cirro.@@) cirro.bind('{"until": {"$lt": {"$now": "1 minute"}}}') AS before
FROM unnest('{2028-02-28,2028-02-29,2028-02-29T00:00Z,2028-02-29T23:59:59.999Z,2028-03-01,2028-03-01T00:00:00+00:00}'::text[]) d;
-- No setting of the session counts.
SET intervalstyle = 'sql_standard';
SELECT pg_temp.at_now('-1 day 2 hours'), cirro.explain_match('{}', '{"$gig.open_for": {"$gte": "-1 day 2 hours"}}', NULL, '2028-02-28 20:00+00');
SET timezone = 'America/New_York';
SET datestyle = 'SQL, DMY';
SELECT pg_temp.at_now('-1 day 2 hours'), pg_temp.at_now('-1 month');
RESET intervalstyle;
SET timezone = 'UTC';
SET datestyle = 'ISO';
SELECT cirro.bind(NULL), cirro.bind('{}'), cirro.bind('{"a": "$now", "b": {"$in": ["$gig.open_for"]}}'), cirro.bind('{"\u0024or": [{"a": {"\u0024gt": {"\u0024now": "1 day"}}}]}');
SELECT cirro.bind('{}', 'infinity');

--
-- $gig.open_for and $gig.starts_in
--
SELECT op, string_agg(format('%s %s', at, cirro.bind(format('{"$gig.open_for": {"%s": "30 minutes"}}', op)::jsonb, '2028-01-01 12:00+00'::timestamptz + at::interval, '2028-01-01 12:00+00')::text = '{}'), ', ' ORDER BY at) AS open_for,
	string_agg(format('%s', cirro.bind(format('{"$gig.starts_in": {"%s": "30 minutes"}}', op)::jsonb, '2028-01-01 12:00+00'::timestamptz + at::interval, NULL, '2028-01-01 13:00+00')::text = '{}'), ', ' ORDER BY at) AS starts_in
FROM unnest('{$gt,$gte,$lt,$lte}'::text[]) op, unnest('{00:29:59.999999,00:30,00:30:00.000001}'::text[]) at GROUP BY op ORDER BY op;
SELECT cirro.bind(f, '2028-01-10 12:00+00', c::timestamptz, s::timestamptz) FROM (VALUES
	('{"$gig.open_for": {"$gte": "0 days"}}'::jsonb, NULL, NULL), ('{"$gig.open_for": {"$gt": "0 days"}}', NULL, NULL),
	('{"$gig.open_for": {"$gte": "1 day", "$lt": "3 days"}}', '2028-01-08 12:00+00', NULL), ('{"$gig.open_for": {"$gte": "1 day", "$lt": "2 days"}}', '2028-01-08 12:00+00', NULL),
	('{"$gig.open_for": {"$gte": "1 month"}}', '2027-12-10 12:00+00', NULL), ('{"$gig.open_for": {"$gte": "1 month"}}', '2027-12-10 12:01+00', NULL),
	('{"$gig.open_for": {"$gte": "9999 years"}}', '-infinity', NULL), ('{"$gig.open_for": {"$gte": "1 day"}}', 'infinity', NULL),
	('{"$gig.starts_in": {"$gte": "9999 years"}}', NULL, NULL), ('{"$gig.starts_in": {"$lt": "9999 years"}}', NULL, NULL),
	('{"$gig.starts_in": {"$lt": "1 day"}}', NULL, '2028-01-11 12:00+00'), ('{"$gig.starts_in": {"$lte": "1 day"}}', NULL, '2028-01-11 12:00+00'),
	('{"$gig.starts_in": {"$lt": "0 days"}}', NULL, '2028-01-09 12:00+00'), ('{"$gig.starts_in": {"$gt": "-1 year"}}', NULL, '-infinity'),
	('{"a": 1, "$gig.open_for": {"$gte": "1 day"}}', NULL, NULL), ('{"a": 1, "$gig.open_for": {"$lt": "1 day"}}', NULL, NULL),
	('{"$nor": [{"a": 1, "$gig.open_for": {"$lt": "1 day"}}, {"b": 1, "$gig.open_for": {"$gte": "1 day"}}], "$gig.starts_in": {"$gt": "1 day"}}', NULL, NULL),
	('{"$and": [{"$gig.open_for": {"$lt": "1 day"}}, {"$or": [{"$gig.open_for": {"$gte": "1 day"}}, {"a": {"$gt": {"$now": "1 day"}}}]}]}', NULL, NULL)) v (f, c, s);

--
-- Weakened: leaves out nobody, at no moment
--
CREATE TEMP TABLE timed (n serial, filter jsonb);
INSERT INTO timed (filter) SELECT f::jsonb FROM unnest(ARRAY[
	'{"d": {"$gte": {"$now": "-1 day"}}}', '{"d": {"$not": {"$gte": {"$now": "-1 day"}}}}', '{"d": {"$not": {"$gte": {"$now": "-1 day"}, "$lt": "2028-05"}}}',
	'{"d": {"$not": {"$not": {"$lt": {"$now": "1 month"}}}}, "k": 1}', '{"$nor": [{"d": {"$lt": {"$now": "0 days"}}}, {"k": 1}]}', '{"$nor": [{"$nor": [{"d": {"$lt": {"$now": "0 days"}}, "k": 1}]}]}',
	'{"l": {"$elemMatch": {"$gt": {"$now": "0 days"}}}}', '{"l": {"$elemMatch": {"$gt": {"$now": "0 days"}, "$lt": "2029"}}}', '{"l": {"$not": {"$elemMatch": {"$gt": {"$now": "0 days"}}}}}',
	'{"o": {"$elemMatch": {"from": {"$lte": {"$now": "0 days"}}, "to": {"$gt": {"$now": "0 days"}}}}}', '{"o": {"$not": {"$elemMatch": {"from": {"$lte": {"$now": "0 days"}}, "to": {"$gt": {"$now": "0 days"}}}}}}',
	'{"o": {"$elemMatch": {"$nor": [{"to": {"$lt": {"$now": "0 days"}}}]}}}', '{"l": {"$all": [{"$elemMatch": {"$gt": {"$now": "-2 months"}}}, {"$elemMatch": {"$lt": {"$now": "-1 month"}}}]}}',
	'{"l": {"$not": {"$all": [{"$elemMatch": {"$gt": {"$now": "-2 months"}}}, {"$elemMatch": {"$lt": "2028"}}]}}}',
	'{"l": {"$all": [{"$elemMatch": {"$gt": {"$now": "-2 months"}}}, {"$elemMatch": {"$lt": "2028"}}]}}', '{"l": {"$gt": {"$now": "0 days"}, "$lt": {"$now": "0 days"}}}',
	'{"$or": [{"fav": true}, {"$gig.open_for": {"$gte": "30 minutes"}, "k": 1}]}', '{"$nor": [{"$gig.open_for": {"$gte": "30 minutes"}}, {"k": 2}]}',
	'{"$nor": [{"$nor": [{"$gig.starts_in": {"$lt": "1 day"}, "k": 1}]}], "fav": true}', '{"$and": [{"$or": [{"$gig.starts_in": {"$gt": "1 day"}}, {"d": {"$lt": {"$now": "1 hour"}}}]}]}'
	]) f;
SELECT t.n, cirro.weaken(t.filter) FROM timed t ORDER BY t.n;
-- Each filter, over moments and documents: how often it holds, weakened and bound; never bound alone.
SELECT t.n, count(*) FILTER (WHERE m.weak) AS weak, count(*) FILTER (WHERE m.bound) AS bound, count(*) FILTER (WHERE m.bound AND NOT m.weak) AS lost
FROM timed t, generate_series('2027-11-01 00:10+00'::timestamptz, '2028-06-01', '11 days 7 hours') at,
	unnest(ARRAY['{}', '{"d": "2028-02-28", "k": 1}', '{"d": "2028-03-15T10:00Z", "fav": true}', '{"d": ["2027", "2029"], "k": 2}', '{"d": null, "l": []}', '{"l": ["2028-01-20"], "k": 1}',
		'{"l": ["2027-12-24", "2028-06-01", 5], "fav": false}', '{"o": [{"from": "2028-01-01", "to": "2028-02-01"}, {"from": "2028-04", "to": "2028-05"}], "k": 1}', '{"o": {"to": "2028-03"}}', '{"fav": true, "k": 1}']::jsonb[]) doc,
	LATERAL (SELECT doc OPERATOR(cirro.@@) cirro.weaken(t.filter) AS weak,
		doc OPERATOR(cirro.@@) cirro.bind(t.filter, at, '2028-02-01', '2028-04-01') AS bound) m
GROUP BY t.n ORDER BY t.n;
-- By its keys a document finds all of them that it may match at any moment.
SELECT count(*) FILTER (WHERE NOT f) AS lost FROM (SELECT cirro.weaken(t.filter) OPERATOR(cirro.~@@) '{"d": "2028-03-15T10:00Z", "fav": true}'::jsonb AS f
	FROM timed t WHERE '{"d": "2028-03-15T10:00Z", "fav": true}'::jsonb OPERATOR(cirro.@@) cirro.bind(t.filter)) x;

--
-- Refused, with the place and what is allowed
--
\pset fieldsep '\n    '
SELECT filter, r.* FROM (VALUES (1, '{"a": {"$gte": {"$now": "soon"}}}'), (2, '{"a": {"$gte": {"$now": 5}}}'), (3, '{"a": {"$gte": {"$now": ""}}}'), (4, '{"a": {"$gte": {"$now": "infinity"}}}'),
	(5, '{"a": {"$gte": {"$now": "10001 years"}}}'), (6, '{"a": {"$gte": {"$now": "99999999999999 years"}}}'), (7, '{"a": {"$gte": {"$now": "1 day", "b": 1}}}'), (8, '{"a": {"$now": "1 day"}}'),
	(9, '{"a": {"$eq": {"$now": "1 day"}}}'), (10, '{"a": {"$in": [{"$now": "1 day"}]}}'), (11, '{"$now": "1 day"}'), (12, '{"a": {"$gte": [{"$now": "1 day"}]}}'), (13, '{"a": {"b": {"$gte": {"$now": "1 day"}}}}'),
	(14, '{"$or": [{"x": 1}, {"a": {"$not": {"$lt": {"$now": "yesterday"}}}}]}'), (15, '{"a": {"$ne": {"$now": "1 day"}}}'), (16, '{"a": {"$gte": {"$now": {"$now": "1 day"}}}}'),
	(20, '{"$gig.open_for": "1 day"}'), (21, '{"$gig.open_for": {}}'), (22, '{"$gig.open_for": {"$gte": 30}}'), (23, '{"$gig.open_for": {"$eq": "1 day"}}'), (24, '{"$gig.open_for": {"$gte": {"$now": "1 day"}}}'),
	(25, '{"$gig.starts_in": {"$lt": "tomorrow"}}'), (26, '{"$gig.seats": {"$lt": 1}}'), (27, '{"a": {"$elemMatch": {"$gig.open_for": {"$gte": "1 day"}}}}'), (28, '{"a": {"$gig.open_for": {"$gte": "1 day"}}}'),
	(29, '{"a": {"$not": {"$gig.open_for": {"$gte": "1 day"}}}}'), (30, '{"$nor": [{"$or": [{"$gig.starts_in": {"$lt": "1 day", "x": 1}}]}]}'),
	-- What else is refused is refused as ever, in its place.
	(40, '{"a": {"$gte": {"$now": "1 day"}}, "$or": [{"$gig.open_for": {"$gte": "1 day"}}, {"b": {"$foo": 1}}]}'), (41, '{"a": {"$gte": {"$now": "1 day"}, "b": 1}}'), (42, '{"$gig.open_for": {"$gte": "1 day"}, "$or": []}'),
	(43, '{"a": {"$gte": {"$now": "1 day"}, "$regex": "("}}'), (44, '[{"a": {"$gte": {"$now": "1 day"}}}]')) v (n, filter), pg_temp.refusal(filter) r ORDER BY n;
\pset fieldsep ' | '
-- All of it at once.
SELECT path, message FROM cirro.validate('{"$or": [{"$gig.open_for": {"$eq": "1 day", "$gte": 5}}, {"a": {"$foo": 1}}], "b": {"$now": "1 day"}, "$gig.x": 1, "c": {"$lt": {"$now": "x"}, "$size": -1}}');
SELECT path, message FROM cirro.validate('{"\u0024gig.x": 1}');
SELECT count(*) FROM timed t, cirro.validate(t.filter);
-- A filter_query knows no time, and says where it goes.
SELECT '{"a": {"$gte": {"$now": "1 day"}}}'::cirro.filter_query;
SELECT '{"$or": [{"$gig.open_for": {"$gte": "1 day"}}]}'::jsonb::cirro.filter_query;
SELECT cirro.matches('{}'::jsonb, '{"$gig.starts_in": {"$gte": "1 day"}}');
-- What passes the limits when it is written passes them at every moment.
SELECT length(cirro.weaken(f)::text) AS weak, length(cirro.bind(f)::text) AS early, length(cirro.bind(f, '2028-03-01', '2028-02-01')::text) AS late
FROM (SELECT jsonb_build_object('$or', jsonb_agg(jsonb_build_object('$gig.open_for', jsonb_build_object('$gte', '1 d'), 'f' || n, jsonb_build_object('$gt', jsonb_build_object('$now', '0h'))))) AS f FROM generate_series(1, 1000) n) x;
SELECT cirro.weaken(jsonb_build_object('$or', jsonb_agg('{"$gig.open_for": {"$gte": "1 d"}}'::jsonb))) IS NOT NULL FROM generate_series(1, 2499) n;
SELECT cirro.weaken(jsonb_build_object('$or', jsonb_agg('{"$gig.open_for": {"$gte": "1 d"}}'::jsonb))) IS NOT NULL FROM generate_series(1, 2500) n;
SELECT cirro.bind(jsonb_build_object('$or', jsonb_agg('{"$gig.open_for": {"$gte": "1 d"}}'::jsonb))) IS NOT NULL FROM generate_series(1, 2499) n;

--
-- Explained
--
SELECT path, message, hint FROM cirro.lint('{"$or": [{"fav": true}, {"$gig.open_for": {"$gte": "2 hours", "$lt": "1 hour"}, "b": 2}], "a": {"$gte": {"$now": "0 days"}, "$lt": {"$now": "-1 day"}}, "age": {"$gte": {"$now": "-18 years"}, "$lt": 18}}');
SELECT f, l.message FROM (VALUES (1, '{"$gig.open_for": {"$gte": "0 hours"}}'), (2, '{"$gig.open_for": {"$gt": "0 hours"}}'), (3, '{"$gig.open_for": {"$lt": "0 hours"}}'), (4, '{"$gig.open_for": {"$lte": "0 hours"}}'),
	(5, '{"$gig.open_for": {"$gte": "-1 day"}}'), (6, '{"$gig.starts_in": {"$gte": "-1 day", "$lte": "-1 day"}}'), (7, '{"$gig.starts_in": {"$gt": "1 day", "$lte": "24 hours"}}'), (8, '{"$or": [{"$gig.open_for": {"$gte": "1 hour"}}]}'),
	(9, '{"a": {"$gte": {"$now": "-1 month"}, "$lt": {"$now": "1 month"}}}'), (10, '{"a": {"$gte": {"$now": "1 day"}, "$type": "number"}}')) v (n, f) LEFT JOIN LATERAL cirro.lint(f) l ON true ORDER BY n;
SELECT * FROM cirro.explain_match('{"a": "2028-02-29", "fav": false}', '{"$or": [{"fav": true}, {"$gig.open_for": {"$gte": "30 minutes"}, "a": {"$gte": {"$now": "0 days"}}}], "$gig.starts_in": {"$gt": "1 day"}}', NULL, '2028-02-29 23:34:05+00');
SELECT path, found, matched FROM cirro.explain_match('{}', '{"$gig.open_for": {"$gte": "1 month"}, "$gig.starts_in": {"$gt": "1 day"}}', '2028-03-05 00:00+00', '2028-02-01 12:00+00', '2028-03-07 00:00:00.5+00');
SELECT count(*) FROM cirro.explain_match(NULL, '{}') UNION ALL SELECT count(*) FROM cirro.explain_match('{}', NULL);
SELECT count(*) FROM timed t, cirro.explain_match('{}', t.filter) e WHERE e.matched IS NULL;
-- The whole agrees with its parts: each filter of one condition holds as its only row does.
SELECT count(*), count(*) FILTER (WHERE e.matched = ('{"a": "2028-02-29"}'::jsonb OPERATOR(cirro.@@) cirro.bind(f, t, '2028-01-01', '2028-04-01'))) AS agree
FROM unnest(ARRAY['{"a": {"$gt": {"$now": "1 day"}}}', '{"a": {"$lte": {"$now": "0 hours"}}}', '{"$gig.open_for": {"$gt": "2 months"}}', '{"$gig.starts_in": {"$lte": "30 days"}}']::jsonb[]) f,
	generate_series('2028-01-01'::timestamptz, '2028-04-01', '1 day') t, cirro.explain_match('{"a": "2028-02-29"}', f, t, '2028-01-01', '2028-04-01') e;
-- Parameters of every type that drivers have.
PREPARE as_text (text) AS SELECT (SELECT count(*) FROM cirro.lint($1)), (SELECT count(*) FROM cirro.validate($1)), (SELECT count(*) FROM cirro.explain_match('{}', $1));
PREPARE as_varchar (varchar) AS SELECT (SELECT count(*) FROM cirro.lint($1)), (SELECT count(*) FROM cirro.validate($1)), (SELECT count(*) FROM cirro.explain_match('{}', $1));
PREPARE as_json (json) AS SELECT (SELECT count(*) FROM cirro.lint($1)), (SELECT count(*) FROM cirro.validate($1)), (SELECT count(*) FROM cirro.explain_match('{}', $1));
PREPARE as_jsonb (jsonb) AS SELECT (SELECT count(*) FROM cirro.lint($1)), (SELECT count(*) FROM cirro.validate($1)), (SELECT count(*) FROM cirro.explain_match('{}', $1));
PREPARE as_filter (cirro.filter_query) AS SELECT (SELECT count(*) FROM cirro.lint($1)), (SELECT count(*) FROM cirro.validate($1)), (SELECT count(*) FROM cirro.explain_match('{}', $1));
EXECUTE as_text ('{"$gig.open_for": {"$gte": "0 days"}}');
EXECUTE as_varchar ('{"$gig.open_for": {"$gte": "0 days"}}');
EXECUTE as_json ('{"$gig.open_for": {"$gte": "0 days"}}');
EXECUTE as_jsonb ('{"$gig.open_for": {"$gte": "0 days"}}');
EXECUTE as_filter ('{"a": {"$gt": null}}');
DEALLOCATE ALL;

--
-- Gigs with tiers, by every way of a wave
--
CREATE TEMP TABLE way (n int, space name, settings text[]);
INSERT INTO way VALUES (1, 'bind_auto', '{"SET cirro.wave_search = auto"}'), (2, 'bind_batch', '{"SET cirro.wave_search = batch"}'), (3, 'bind_single', '{"SET cirro.wave_search = single"}'),
	(4, 'bind_statements', '{"SET cirro.wave_search = batch","SET cirro.direct_writes = off"}'), (5, 'bind_limited', '{"SET cirro.wave_search = batch"}');
CREATE FUNCTION pg_temp.everywhere(command text) RETURNS SETOF text LANGUAGE sql AS $$
	SELECT u.c FROM way, LATERAL unnest('{RESET cirro.wave_search,RESET cirro.direct_writes}' || settings || format('SET search_path = %I', space) || replace(command, '%s', space)) WITH ORDINALITY u (c, ord) ORDER BY way.n, u.ord $$;
-- Of each gig of a Space who is invited, since when it sleeps or until when.
CREATE FUNCTION pg_temp.state(space name) RETURNS SETOF text LANGUAGE plpgsql AS $$
BEGIN
	PERFORM set_config('search_path', quote_ident(space), true);
	RETURN QUERY SELECT format('%s: %s; %s, next %s', s.gig_id, (SELECT string_agg(i.worker_id::text, ' ' ORDER BY i.worker_id) FROM invitation i WHERE i.gig_id = s.gig_id AND i.status = 'pending'),
		coalesce(s.asleep, 'awake'), coalesce(to_char(s.next_wave_at, 'DD HH24:MI'), 'none')) FROM gig_status s
		UNION ALL SELECT 'inconsistent: ' || c::text FROM check_consistency() c ORDER BY 1;
END $$;
CREATE FUNCTION pg_temp.states() RETURNS SETOF text LANGUAGE sql AS $$
	SELECT format('%s  (%s)', state, string_agg(replace(w.space, 'bind_', ''), ' ' ORDER BY w.n)) FROM way w, pg_temp.state(w.space) state GROUP BY state ORDER BY state $$;
\set at 'SET cirro.clock ='
\set tick 'SELECT pg_temp.everywhere($$CALL cirro.run_waves(\'%s\')$$) \\gexec'
SET cirro.clock = '2030-01-01 12:00+00';
SET client_min_messages = warning;
\set ECHO none
SELECT cirro.create_space(w.space) FROM way w \g /dev/null
SELECT pg_temp.everywhere($$INSERT INTO worker (id, profile, lot) VALUES (1, '{"fav": true}', 1), (2, '{"ok": true}', 2), (3, '{"ok": true, "until": "2030-01-02"}', 3), (4, '{"until": "2030-01-01T12:07:30Z"}', 4), (5, '{"until": "2030-01-01"}', 5)$$) \gexec
SELECT pg_temp.everywhere($$INSERT INTO gig (id, title, url, start_at, end_at, total_seats, filter_query) VALUES
	(1, 'tiers', 'u', '2030-01-05', '2030-01-06', 3, '{"$or": [{"fav": true}, {"ok": true, "$gig.open_for": {"$gte": "30 minutes"}}]}'),
	(2, 'late', 'u', '2030-01-05', '2030-01-06', 3, '{"ok": true, "$gig.starts_in": {"$lte": "2 days 12 hours"}}'),
	(3, 'days', 'u', '2030-01-05', '2030-01-06', 3, '{"until": {"$lt": {"$now": "0 days"}}}'),
	(4, 'minutes', 'u', '2030-01-05', '2030-01-06', 3, '{"until": {"$type": "string", "$not": {"$gte": {"$now": "0 hours"}}}}'),
	(5, 'no time', 'u', '2030-01-05', '2030-01-06', 3, '{"fav": true, "note": {"$ne": "$now"}}')$$) \gexec
UPDATE bind_limited.setting SET max_pending = 100;
:tick
SELECT pg_temp.states();
SELECT f.gig_id, f.filter FROM bind_auto.gig_filter f ORDER BY f.gig_id;
:at '2030-01-01 12:05+00';
\echo 'At 2030-01-01 12:05+00'
:tick
SELECT pg_temp.states();
\echo 'A gig whose filter asks for the minute looks each frequency; one of a tier waits for that.'
:at '2030-01-01 12:10+00';
\echo 'At 2030-01-01 12:10+00'
:tick
:at '2030-01-01 12:29:59+00';
\echo 'At 2030-01-01 12:29:59+00'
:tick
SELECT pg_temp.states();
:at '2030-01-01 12:30+00';
\echo 'At 2030-01-01 12:30+00'
:tick
SELECT pg_temp.states();
:at '2030-01-01 12:35+00';
\echo 'At 2030-01-01 12:35+00'
:tick
SELECT pg_temp.states();
\echo 'A worker who comes is found at once, who matches later later.'
:at '2030-01-01 13:00+00';
\echo 'At 2030-01-01 13:00+00'
SELECT pg_temp.everywhere($$INSERT INTO worker (id, profile, lot) VALUES (6, '{"fav": true, "ok": true, "until": "2030-01-03"}', 6)$$) \gexec
:tick
SELECT pg_temp.states();
:at '2030-01-01 13:05+00';
\echo 'At 2030-01-01 13:05+00'
:tick
:at '2030-01-01 23:59:59+00';
\echo 'At 2030-01-01 23:59:59+00'
:tick
SELECT pg_temp.states();
:at '2030-01-02 00:00+00';
\echo 'At 2030-01-02 00:00+00'
:tick
SELECT pg_temp.states();
\echo 'The earlier start opens the other tier; a filter that changes is another.'
SELECT pg_temp.everywhere($$UPDATE gig SET start_at = '2030-01-04', filter_query = CASE WHEN id = 3 THEN '{"until": {"$lt": {"$now": "1 day"}}}' ELSE filter_query END WHERE id IN (2, 3)$$) \gexec
:tick
SELECT pg_temp.states();
:at '2030-01-02 00:05+00';
\echo 'At 2030-01-02 00:05+00'
:tick
:at '2030-01-02 00:10+00';
\echo 'At 2030-01-02 00:10+00'
:tick
SELECT pg_temp.states();
\echo 'Filled, all others expire; a seat that is free again opens them, and asks them anew.'
SELECT pg_temp.everywhere($$UPDATE gig SET seats_max = 2, total_seats = NULL WHERE id = 2$$) \gexec
SELECT pg_temp.everywhere($$UPDATE invitation SET status = 'accepted' WHERE gig_id = 2 AND worker_id IN (2, 3)$$) \gexec
SELECT pg_temp.everywhere($$UPDATE invitation SET status = 'left' WHERE gig_id = 2 AND worker_id = 3$$) \gexec
:at '2030-01-02 00:20+00';
:tick
SELECT pg_temp.states();
RESET client_min_messages;
\set ECHO all
RESET search_path;
RESET cirro.wave_search;
RESET cirro.direct_writes;

-- By hand and for one worker, in the same terms.
SET search_path = bind_single;
INSERT INTO gig (id, title, url, start_at, end_at, total_seats, filter_query, invitation_mode) VALUES
	(11, 'tiers', 'u', '2030-01-05', '2030-01-06', 3, '{"$or": [{"fav": true}, {"ok": true, "$gig.open_for": {"$gte": "30 minutes"}}]}', 'manual');
SELECT a.outcome FROM attempt_invitations(2, '{11}') a;
SELECT a.gig_id FROM attempt_invitations(2) a WHERE a.gig_id = 11;
SELECT e.gate, e.passed, e.detail FROM explain_invitation(2, 11) e WHERE e.gate IN ('filter', 'condition');
SELECT (run_wave(11)).invited;
:at '2030-01-02 00:40+00';
SELECT e.gate, e.passed, e.detail FROM explain_invitation(2, 11) e WHERE e.gate IN ('filter', 'condition');
SELECT a.gig_id, a.outcome FROM attempt_invitations(2, '{11}') a;
SELECT (run_wave(11)).invited;
SELECT p.matching, p.worker_id FROM preview('{"until": {"$gte": {"$now": "0 days"}}}') p;
SELECT p.matching FROM preview('{"ok": true, "$gig.open_for": {"$gte": "1 minute"}}'::jsonb) p;
SELECT p.matching FROM preview(cirro.bind('{"ok": true, "$gig.open_for": {"$gte": "1 minute"}}', NULL, '2030-01-01'), max => 1) p;
SELECT p.matching FROM preview('{"ok": {"$foo": 1}}') p;
-- Why nothing is to be done until then.
INSERT INTO gig (id, title, url, start_at, end_at, total_seats, filter_query) VALUES (12, 'later', 'u', '2030-01-05', '2030-01-06', 3, '{"fav": true, "$gig.open_for": {"$lte": "1 day"}}'),
	(13, 'once', 'u', '2030-01-05', '2030-01-06', 3, '{"none": true, "$gig.open_for": {"$gte": "1 minute"}}');
CALL cirro.run_waves('bind_single');
:at '2030-01-02 00:45+00';
CALL cirro.run_waves('bind_single');
INSERT INTO worker (id, profile) VALUES (7, '{"fav": true}');
SELECT e.passed, e.detail FROM explain_invitation(7, 12) e WHERE e.gate IN ('wave', 'invitation');
DELETE FROM worker WHERE id = 7;
SELECT s.gig_id, s.asleep, s.next_wave_at FROM gig_status s WHERE s.gig_id IN (12, 13) ORDER BY 1;
-- A worker wakes what he matches now, not what he may match some day.
INSERT INTO gig (id, title, url, start_at, end_at, total_seats, filter_query) VALUES (16, 'today', 'u', '2030-01-05', '2030-01-06', 3, '{"day": {"$gte": {"$now": "0 days"}}}');
CALL cirro.run_waves('bind_single');
INSERT INTO worker (id, profile) VALUES (8, '{"day": "2030-01-01"}');
:at '2030-01-02 01:00+00';
CALL cirro.run_waves('bind_single');
SELECT s.asleep, s.next_wave_at, s.last_wave_at FROM gig_status s WHERE s.gig_id = 16;
INSERT INTO worker (id, profile) VALUES (9, '{"day": "2030-01-02"}');
CALL cirro.run_waves('bind_single');
SELECT i.worker_id FROM invitation i WHERE i.gig_id = 16;
-- A seat that is freed does not wake what cannot invite; nor is anything lost of what comes next.
UPDATE invitation SET status = 'accepted' WHERE gig_id = 12 AND worker_id = 1;
UPDATE invitation SET status = 'left' WHERE gig_id = 12 AND worker_id = 1;
SELECT s.asleep, s.next_wave_at FROM gig_status s WHERE s.gig_id = 12;
:at '2030-01-03 00:40:00+00';
CALL cirro.run_waves('bind_single');
SELECT s.asleep, s.next_wave_at FROM gig_status s WHERE s.gig_id = 12;
:at '2030-01-03 00:40:01+00';
CALL cirro.run_waves('bind_single');
SELECT s.asleep, s.next_wave_at FROM gig_status s WHERE s.gig_id = 12;

-- Minutes of a time that is moved by seconds do not turn where those of the clock do.
:at '2030-01-03 01:00:10+00';
INSERT INTO gig (id, title, url, start_at, end_at, total_seats, filter_query, invitation_frequency) VALUES
	(17, 'seconds', 'u', '2030-01-05', '2030-01-06', 3, '{"turns": {"$lte": {"$now": "-30 seconds"}}}', '1 second'),
	(18, 'ahead', 'u', '2030-01-05', '2030-01-06', 3, '{"turns": {"$lte": {"$now": "1 month 15 seconds"}}}', '1 second');
CALL cirro.run_waves('bind_single');
SELECT s.gig_id, s.asleep, s.next_wave_at FROM gig_status s WHERE s.gig_id IN (17, 18) ORDER BY 1;

-- Refused as any filter, naming the column; loaded past the triggers, by rebuild_state().
INSERT INTO gig (title, url, start_at, end_at, total_seats, filter_query) VALUES ('x', 'u', '2030-01-05', '2030-01-06', 3, '{"a": {"$gt": {"$now": "never"}}}');
\echo :LAST_ERROR_SQLSTATE
UPDATE gig SET filter_query = '{"a": {"$eq": {"$now": "1 day"}}}' WHERE id = 11;
ALTER TABLE gig DISABLE TRIGGER USER;
INSERT INTO gig (id, title, url, start_at, end_at, total_seats, filter_query, invitation_mode, invitation_multiplier, invitation_frequency, created_at) VALUES
	(14, 'x', 'u', '2030-01-05', '2030-01-06', 3, '{"a": {"$gt": {"$now": "-1 day"}}}', 'auto', 10, '5 minutes', '2030-01-01'),
	(15, 'x', 'u', '2030-01-05', '2030-01-06', 3, '{"a": {"$gt": {"$now": "never"}}}', 'auto', 10, '5 minutes', '2030-01-01');
UPDATE gig SET filter_query = '{"b": {"$gt": {"$now": "-1 day"}}, "c": 1}' WHERE id = 11;
ALTER TABLE gig ENABLE TRIGGER USER;
SELECT c.* FROM check_consistency() c WHERE c.what IN ('gig_filter', 'gig_state');
SELECT rebuild_state();
UPDATE gig SET title = title WHERE false;
ALTER TABLE gig DISABLE TRIGGER USER;
DELETE FROM gig WHERE id = 15;
ALTER TABLE gig ENABLE TRIGGER USER;
SELECT rebuild_state() > 0;
SELECT f.gig_id, f.filter FROM gig_filter f WHERE f.gig_id IN (11, 14) ORDER BY 1;
SELECT count(*) FROM check_consistency();
-- Damaged later it fails its own waves, which is recorded, and no others.
INSERT INTO gig (id, title, url, start_at, end_at, total_seats, filter_query) SELECT i, 'damaged', 'u', '2030-01-05', '2030-01-06', 3, '{"day": {"$lt": {"$now": "0 days"}}}' FROM generate_series(21, 23) i;
ALTER TABLE gig DISABLE TRIGGER USER;
UPDATE gig SET filter_query = '{"day": {"$lt": {"$now": "never"}}}' WHERE id = 22;
ALTER TABLE gig ENABLE TRIGGER USER;
SET client_min_messages = warning;
CALL cirro.run_waves('bind_single');
RESET client_min_messages;
SELECT v.gig_id, v.outcome, v.invited, v.error, s.failures, s.next_event_at - cirro.now() AS again FROM wave v JOIN gig_state s ON s.gig_id = v.gig_id WHERE v.gig_id BETWEEN 21 AND 23 ORDER BY 1;
RESET search_path;
SET client_min_messages = warning;
SELECT cirro.drop_space(w.space) FROM way w \g /dev/null
