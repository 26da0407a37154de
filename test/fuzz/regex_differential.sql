-- Asks random regular expressions of random strings, once in a filter and once
-- by PostgreSQL's operator ~, which is the engine alone: the answers have to be
-- the same, and so has what does not compile.
--
--     psql -X -v patterns=4000 -v seed=0.25 -f test/fuzz/regex_differential.sql
--
-- "seed", between 0 and 1, repeats a run (random if not given; the first line
-- says it, and so does an error). Patterns are of few letters and of all that a
-- filter decides without the engine, or might take for that: sets of literals,
-- anchors anywhere, quantifiers, brackets, escapes, conditions, comments, every
-- option. Strings are made of the pattern's own pieces. Any difference is an
-- error of this script, and so are random cases that would show nothing. Uses
-- the current database, which must have the extension; leaves nothing behind.
\set ON_ERROR_STOP on
\if :{?seed}
\else
SELECT round(random()::numeric, 6) AS seed \gset
\endif
\echo seed :seed
SET client_min_messages = notice;
SET cirro_differential.seed = :'seed';
SET cirro_differential.patterns = :'patterns';

CREATE FUNCTION pg_temp.pick(VARIADIC choices text[]) RETURNS text LANGUAGE sql AS $$
	SELECT choices[1 + floor(random() * cardinality(choices))::int]
$$;

CREATE FUNCTION pg_temp.pattern(depth int) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	result text := '';
	kind float;
BEGIN
	FOR branch IN 1 .. CASE WHEN random() < 0.6 THEN 1 ELSE 1 + floor(random() * 4)::int END LOOP
		result := result || CASE WHEN branch > 1 THEN '|' ELSE '' END || CASE WHEN random() < 0.15 THEN '^' ELSE '' END;
		FOR atom IN 1 .. floor(random() * 5)::int LOOP
			kind := random();
			result := result || CASE
				WHEN kind < 0.55 THEN pg_temp.pick('a', 'b', 'ab', 'ba', 'aab', 'B', 'é', '@', '\.', 'a', 'b', 'ab', 'Ab', '5', ' ', '#', '-', '{', ']', 'λx')
				WHEN kind < 0.65 THEN pg_temp.pick('[ab]', '[Ab5]', '[aé]', '[]a]', '[^a]', '[a-c]', '[a-]', '[[:alpha:]]', '[[.a.]b]', '[a\n]', '[^\n]',
					'[[=a=]]', '[\]a]', '[a@b.]', '[ a]', '[#]', '[^]]', '[\w]')
				WHEN kind < 0.72 THEN pg_temp.pick('.', '\d', '\w', '\S', '\D', '\x61', '\x41', '\u0062', '\U00000040', '\u00e9', '\t', '\n', E'\n', '\B', '\@',
					'\ ', '\#', '\é', '\W', '\s', '\07', '\cA', '\e', '\x6')
				WHEN kind < 0.80 THEN pg_temp.pick('^', '$', '\A', '\Z', '\y', '\Y', '\m', '\M', '(?=a)', '(?!b)', '(?<=a)', '(?<!b)', '(?=a|^b)', '(?#b)', '(?#a|)',
					'(?#(a)', ' ', E' # a\n')
				WHEN depth > 0 THEN pg_temp.pick('(', '(', '(?:', '(?=', '(?!') || pg_temp.pattern(depth - 1) || ')'
				ELSE 'a' END;
			IF random() < 0.25 THEN
				result := result || pg_temp.pick('*', '+', '?', '?', '{0}', '{1}', '{2}', '{1,2}', '{2,}', '{0,1}', '{0,}', '{3}', '{,2}', '{2,2}', '{1')
					|| pg_temp.pick('', '', '', '?', '+');
			END IF;
		END LOOP;
		result := result || CASE WHEN random() < 0.15 THEN '$' ELSE '' END;
	END LOOP;
	RETURN result;
END $$;

-- Pieces of the pattern as it stands, of its letters, and other letters.
CREATE FUNCTION pg_temp.string(pattern text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	letters text := regexp_replace(pattern, '[][(){}|*+?^$\\#]|\\[a-zA-Z]', '', 'g');
	result text := '';
BEGIN
	FOR i IN 1 .. floor(random() * 5)::int LOOP
		result := result || CASE floor(random() * 3)::int
			WHEN 0 THEN substr(letters, 1 + floor(random() * length(letters))::int, 1 + floor(random() * 4)::int)
			WHEN 1 THEN pg_temp.pick('a', 'b', 'A', 'ab', 'ba', 'aa', 'é', '@', '.', E'\n', '5', ' ', '#', '-', '{', ']', 'λ', 'x')
			ELSE substr(pattern, 1 + floor(random() * length(pattern))::int, 1 + floor(random() * 3)::int) END;
	END LOOP;
	IF random() < 0.03 THEN
		result := repeat(pg_temp.pick('b', 'ab', 'é', E'x\n'), 150) || result || pg_temp.pick('', repeat('a', 100));
	END IF;
	RETURN pg_temp.pick(result, result, lower(result), upper(result));
END $$;

CREATE FUNCTION pg_temp.differential() RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	seed float8 := current_setting('cirro_differential.seed');
	wanted int := current_setting('cirro_differential.patterns');
	p text;
	given text;
	engine text;
	filter text;
	compiles boolean;
	strings text[];
	answers boolean[];
	refused int := 0;
	matches int := 0;
	others int := 0;
	s text;
BEGIN
	PERFORM setseed(seed);
	FOR i IN 1 .. wanted LOOP
		p := pg_temp.pattern(2);
		CONTINUE WHEN p ~ '^\(\?[a-z]|^\*\*\*' OR length(p) > 300;
		given := pg_temp.pick('', '', '', 's', 'i', 'i', 'm', 'x', 'im', 'ms', 'isx', 'imsx');
		-- What "s" and "m" are called by the engine.
		engine := '(?' || CASE WHEN given ~ 's' THEN CASE WHEN given ~ 'm' THEN 'w' ELSE 's' END WHEN given ~ 'm' THEN 'n' ELSE 'p' END
			|| translate(given, 'ms', '') || ')' || p;
		filter := CASE WHEN random() < 0.5 OR given = '' THEN jsonb_build_object('a', jsonb_build_object('$regex', p, '$options', given))
			ELSE jsonb_build_object('a', jsonb_build_object('$regex', '(?' || given || ')' || p)) END;
		BEGIN
			compiles := '' ~ engine COLLATE "C" IS NOT NULL;
		EXCEPTION WHEN invalid_regular_expression THEN
			compiles := false;
		END;
		IF compiles = EXISTS (SELECT FROM cirro.validate(filter)) THEN
			RAISE EXCEPTION 'compiles: %, but not alike: %', compiles, filter USING DETAIL = format('seed %s', seed);
		END IF;
		IF NOT compiles THEN
			refused := refused + 1;
			CONTINUE;
		END IF;
		SELECT array_agg(pg_temp.string(p)) INTO strings FROM generate_series(1, 25);
		SELECT array_agg(string ~ engine COLLATE "C" ORDER BY n) INTO answers FROM unnest(strings) WITH ORDINALITY AS u (string, n);
		SELECT string INTO s FROM unnest(strings, answers) AS u (string, answer)
		WHERE jsonb_build_object('a', string) OPERATOR(cirro.@@) filter::cirro.filter_query <> answer LIMIT 1;
		IF FOUND THEN
			RAISE EXCEPTION 'asked % of %, a filter says what ~ does not', filter, to_jsonb(s) USING DETAIL = format('seed %s', seed);
		END IF;
		matches := matches + (SELECT count(*) FROM unnest(answers) AS u (answer) WHERE answer);
		others := others + (SELECT count(*) FROM unnest(answers) AS u (answer) WHERE NOT answer);
	END LOOP;
	IF least(matches, others) < 5 * wanted OR refused > wanted / 2 THEN
		RAISE EXCEPTION 'this would show little: % matches, % others, % patterns refused', matches, others, refused
			USING DETAIL = format('seed %s', seed);
	END IF;
	RETURN format('%s patterns, %s refused; %s answers, %s of them matches', wanted, refused, matches + others, matches);
END $$;
SELECT pg_temp.differential();
