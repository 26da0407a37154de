-- test/bench/filter_measure.sql: how the filters are measured.
--
-- Decides what a figure is: the median time of a statement that is planned and
-- run anew each time, from a procedure in the server, the contenders taking
-- turns within each round and each round beginning with another. Before the
-- first round everything ran once, which also compares the answers: contenders
-- that disagree are measured by nobody. Must not decide which indexes there are.

CREATE TABLE bench.contender (number int PRIMARY KEY, name text UNIQUE);
INSERT INTO bench.contender VALUES (0, 'floor'), (1, 'cirro'), (2, 'jsquery'), (3, 'jsonpath'), (4, 'sql');

-- Every statement that is timed. The floor is what reading the profiles costs.
CREATE VIEW bench.statement AS
SELECT f.number AS filter, c.number AS contender, c.name, a.asked, condition,
	CASE WHEN c.name = 'floor' THEN 'SELECT sum(pg_column_size(profile)) FROM profile_bench'
		ELSE format('SELECT %s FROM profile_bench WHERE %s', a.asked, condition) END AS statement
FROM bench.filter AS f
	CROSS JOIN bench.contender AS c
	CROSS JOIN (VALUES ('count(*)'), ('sum(id)')) AS a (asked)
	CROSS JOIN LATERAL (SELECT CASE c.name WHEN 'cirro' THEN cirro WHEN 'jsquery' THEN jsquery
		WHEN 'jsonpath' THEN jsonpath WHEN 'sql' THEN sql END) AS of (condition)
WHERE condition IS NOT NULL OR c.name = 'floor';

CREATE TABLE bench.sample (part text, filter int, contender int, asked text, round int, ms double precision);
CREATE TABLE bench.plan (part text, filter int, contender int, node text, estimate double precision, rows bigint);
CREATE TABLE bench.cost (what text, contender int, ms double precision);
CREATE TABLE bench.fact (name text PRIMARY KEY, value text);

-- Raises an error unless all contenders find the same rows. Notes their plans.
CREATE PROCEDURE bench.agree(part text)
LANGUAGE plpgsql AS $$
DECLARE
	s record;
	plan json;
	found bigint;
	answer text;
	answers text[] := '{}';
BEGIN
	FOR s IN SELECT * FROM bench.statement WHERE name <> 'floor' AND asked = 'count(*)' ORDER BY filter, contender LOOP
		EXECUTE format('SELECT count(*), format(''%%s rows with sum %%s'', count(*), sum(id)) FROM profile_bench WHERE %s', s.condition)
			INTO found, answer;
		IF s.name = 'cirro' THEN
			answers[s.filter] := answer;
		ELSIF answers[s.filter] IS DISTINCT FROM answer THEN
			RAISE 'filter % means different things: cirro finds %, % finds %', s.filter, answers[s.filter], s.name, answer
				USING DETAIL = s.condition;
		END IF;
		EXECUTE format('EXPLAIN (FORMAT JSON) SELECT id FROM profile_bench WHERE %s', s.condition) INTO plan;
		INSERT INTO bench.plan VALUES (part, s.filter, s.contender,
			CASE WHEN plan #>> '{0,Plan,Node Type}' ~ 'Seq' THEN 'scan' ELSE 'index' END,
			(plan #>> '{0,Plan,Plan Rows}')::float8, found);
	END LOOP;
END
$$;

CREATE PROCEDURE bench.measure(part text, rounds int, with_floor boolean)
LANGUAGE plpgsql AS $$
DECLARE
	s record;
	start timestamptz;
	took double precision;
	answer numeric;
BEGIN
	FOR round IN 0 .. rounds LOOP		-- round 0 warms up
		FOR s IN SELECT * FROM bench.statement WHERE with_floor OR name <> 'floor'
				ORDER BY filter, asked, (contender + round) % 5 LOOP
			start := clock_timestamp();
			EXECUTE s.statement INTO answer;
			took := extract(epoch FROM clock_timestamp() - start) * 1000;
			IF round > 0 THEN
				INSERT INTO bench.sample VALUES (part, s.filter, s.contender, s.asked, round, took);
			END IF;
		END LOOP;
		COMMIT;
	END LOOP;
END
$$;

-- Runs a statement and notes what it cost.
CREATE PROCEDURE bench.timed(what text, contender int, statement text)
LANGUAGE plpgsql AS $$
DECLARE
	start timestamptz := clock_timestamp();
BEGIN
	EXECUTE statement;
	INSERT INTO bench.cost VALUES (what, contender, extract(epoch FROM clock_timestamp() - start) * 1000);
END
$$;

-- The index of a contender on a table with a profile; NULL if it has none.
CREATE FUNCTION bench.index_on(contender int, tab text, options text DEFAULT '') RETURNS text
LANGUAGE sql AS $$
	SELECT format('CREATE INDEX %I ON %I USING gin (profile %s) %s', tab || '_' || name, tab, class, options)
	FROM (VALUES (1, 'cirro', 'cirro.profile_ops'), (2, 'jsquery', 'jsonb_path_value_ops'), (3, 'jsonpath', 'jsonb_path_ops'))
		AS v (number, name, class)
	WHERE number = contender AND (number <> 1 OR EXISTS (
		SELECT FROM pg_opclass WHERE opcname = 'profile_ops' AND opcnamespace = 'cirro'::regnamespace))
$$;

-- What it costs to insert: copies of a part of the profiles, each with the index
-- of one contender (0: none), get the same rows in turns. With fastupdate the
-- pending list is flushed within the time.
CREATE PROCEDURE bench.insert(rows bigint, repeats int)
LANGUAGE plpgsql AS $$
DECLARE
	i record;
BEGIN
	FOR i IN SELECT number, format('insert_%s_%s', name, fast) AS tab, fast
			FROM (SELECT number, name FROM bench.contender WHERE number <= 3) AS c, (VALUES ('on'), ('off')) AS f (fast)
			WHERE number = 0 OR bench.index_on(number, '') IS NOT NULL LOOP
		EXECUTE format('CREATE TABLE %I AS SELECT id, profile FROM profile_bench WHERE id <= %s', i.tab, rows * 5);
		IF i.number > 0 THEN
			EXECUTE bench.index_on(i.number, i.tab, format('WITH (fastupdate = %s)', i.fast));
		END IF;
	END LOOP;
	CREATE TABLE insert_more AS SELECT id, profile FROM profile_bench ORDER BY id DESC LIMIT rows;
	COMMIT;
	FOR round IN 1 .. repeats LOOP
		FOR i IN SELECT number, tablename::text AS tab, fast
				FROM (SELECT number, name FROM bench.contender WHERE number <= 3) AS c
					CROSS JOIN (VALUES ('on'), ('off')) AS f (fast)
					JOIN pg_tables ON tablename = format('insert_%s_%s', name, fast)
				ORDER BY fast, (number + round) % 4 LOOP
			CALL bench.timed('insert, fastupdate ' || i.fast, i.number,
				format('INSERT INTO %I SELECT id, profile FROM insert_more', i.tab)
				|| CASE WHEN i.fast = 'on' AND i.number > 0
					THEN format('; SELECT gin_clean_pending_list(indexrelid) FROM pg_index WHERE indrelid = %L::regclass', i.tab)
					ELSE '' END);
			COMMIT;
		END LOOP;
	END LOOP;
END
$$;
