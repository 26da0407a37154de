-- test/demo/synthetic.sql: an invented crowd, for who has no other.
--
-- Decides what the demo's workers are like where ../shared/data is missing: as
-- many as there, the same members, shares alike; the same ones at every run.
-- Must leave what load.sql reads, a table raw(line_no, line), and nothing else.

CREATE TEMP TABLE raw (line_no bigint, line text);

-- A number from 0 to 1 that worker i throws for question q.
CREATE FUNCTION pg_temp.dice(i bigint, q int) RETURNS double precision
LANGUAGE sql IMMUTABLE AS $$
	SELECT (hashint8extended(i, q) & 1048575) / 1048576.0
$$;

-- One of the answers to question q, the earlier ones more often.
CREATE FUNCTION pg_temp.one(i bigint, q int, VARIADIC answers text[]) RETURNS text
LANGUAGE sql IMMUTABLE AS $$
	SELECT answers[1 + floor(power(pg_temp.dice(i, q), 1.5) * cardinality(answers))::int]
$$;

-- Some of the answers, the earlier ones more often; NULL for none.
CREATE FUNCTION pg_temp.some(i bigint, q int, share double precision, VARIADIC answers text[]) RETURNS jsonb
LANGUAGE sql IMMUTABLE AS $$
	SELECT jsonb_agg(answer ORDER BY n)
	FROM unnest(answers) WITH ORDINALITY AS a (answer, n)
	WHERE pg_temp.dice(i, 100 * q + n::int) < share / sqrt(n)
$$;

INSERT INTO raw
SELECT i, jsonb_strip_nulls(jsonb_build_object(
	'ref', left(encode(sha256(('worker ' || i)::bytea), 'hex'), 32),
	'software_developer', developer,
	'goal', CASE WHEN pg_temp.dice(i, 2) < 0.7 THEN pg_temp.one(i, 3,
		'work for a medium-sized company', 'freelance', 'start your own business',
		'work for a startup', 'work for a multinational corporation') END,
	'resources', pg_temp.some(i, 4, 0.7, 'Free Code Camp', 'Codecademy', 'Coursera',
		'Udemy', 'Khan Academy', 'EdX', 'Udacity', 'The Odin Project'),
	'hours_per_week', floor(40 * power(pg_temp.dice(i, 5), 1.5)),
	'months_programming', floor(60 * power(pg_temp.dice(i, 6), 3)),
	'money_spent', 10 * floor(300 * power(pg_temp.dice(i, 7), 4)),
	'submitted_at', to_char(timestamp '2016-03-28' + i * interval '3 minutes', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'),
	'events', pg_temp.some(i, 8, 0.2, 'conferences', 'hackathons', 'coffee-and-codes', 'Startup Weekend'),
	'podcasts', pg_temp.some(i, 9, 0.12, 'Code Newbie', 'JavaScript Jabber', 'The Changelog'),
	'bootcamp', CASE WHEN pg_temp.dice(i, 10) < 0.06 THEN jsonb_build_object(
		'name', pg_temp.one(i, 11, 'General Assembly', 'Flatiron School', 'Dev Bootcamp', 'Turing'),
		'finished', pg_temp.dice(i, 12) < 0.7,
		'loan', pg_temp.dice(i, 13) < 0.3,
		'recommend', pg_temp.dice(i, 14) < 0.8) END)
	|| CASE WHEN developer OR pg_temp.dice(i, 15) < 0.4 THEN '{}' ELSE jsonb_build_object(
		'role', pg_temp.one(i, 16, 'Full-Stack Web Developer', 'Front-End Web Developer',
			'Back-End Web Developer', 'Data Scientist / Data Engineer', 'Mobile Developer', 'User Experience Designer'),
		'expected_salary', 1000 * floor(20 + 60 * pg_temp.dice(i, 17)),
		'work_place', pg_temp.one(i, 18, 'in an office with other developers', 'no preference', 'from home'),
		'relocate', pg_temp.dice(i, 19) < 0.75) END)
FROM (SELECT i, pg_temp.dice(i, 1) < 0.28 AS developer FROM generate_series(1, 15653) AS i) AS worker;
