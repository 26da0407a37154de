-- test/bench/regex_cases.sql: the regular expressions that are measured, and how.
--
-- Decides the cases: one row of bench.pattern for each, asked of the e-mail
-- addresses, names and countries of filter_load.sql, or of texts of some 900 bytes
-- that are made of its words. A figure is what the processor spends on a statement
-- in the server (Linux counts it; elsewhere it is the time that passes). The floor
-- is a scan that looks at sizes. Must not decide what anything is compared with.

CREATE TABLE bench.document (id bigint, profile jsonb);
INSERT INTO bench.document
SELECT id, jsonb_build_object('bio', 'I am ' || (profile ->> 'name') || '. '
	|| string_agg(format('%s in %s, as I did in %s; %s the lycée.', profile #>> ARRAY['skills', (s % jsonb_array_length(profile -> 'skills'))::text],
		profile ->> 'city', 2000 + (id + s) % 20, (ARRAY['before', 'after', 'near'])[1 + (id + s) % 3]), ' ')
	|| ' I look forward to hearing from you.')
FROM profile_bench, generate_series(1, 14) AS s GROUP BY id, profile;
VACUUM (FREEZE, ANALYZE) bench.document;

CREATE TABLE bench.pattern (number int PRIMARY KEY, title text, tab text, field text, pattern text, options text);
INSERT INTO bench.pattern VALUES
(1, 'a few endings (`make bench-filter`)', 'profile_bench', 'email', '@(posteo|mailbox)\.(de|org)$', ''),
(2, 'an ending that most have', 'profile_bench', 'email', '^[a-z]+[0-9]+@.*\.com$', ''),
(3, 'no literal', 'profile_bench', 'email', '[0-9]{5}', ''),
(4, 'a literal that all have', 'profile_bench', 'email', '[02468]@.*[st]', ''),
(5, 'tied, 12 alternatives', 'profile_bench', 'country', '^(US|IN|BR|GB|DE|FR|CA|NG|PL|ES|IT|MX)$', ''),
(6, 'tied to the beginning, then anything', 'profile_bench', 'name', '^Mari?a\y.*n$', ''),
(7, 'one word, long texts', 'bench.document', 'bio', 'beekeeping', ''),
(8, 'ignoring case, long texts', 'bench.document', 'bio', 'first aid', 'i'),
(9, '50 alternatives, long texts', 'bench.document', 'bio', (
	SELECT '(' || string_agg(word, '|') || ') (pro|abroad)' FROM (
		SELECT DISTINCT split_part(profile #>> '{skills,0}', ' ', 1) AS word FROM profile_bench ORDER BY 1 LIMIT 50) AS w), ''),
(10, 'beyond ASCII, found late, long texts', 'bench.document', 'bio', '\y(lycées|[éÉ]cole|heard|hearing)\y', ''),
(11, 'in every text, long texts', 'bench.document', 'bio', '\yas I did in 20[01][0-9]', '');

CREATE TABLE bench.sample (variant text, number int, contender text, ms double precision);

CREATE VIEW bench.statement AS
SELECT number, contender, CASE contender
	WHEN 'floor' THEN format('SELECT sum(pg_column_size(profile)) FROM %s', tab)
	WHEN 'sql' THEN format('SELECT count(*) FROM %s WHERE profile ->> %L ~ %L COLLATE "C"', tab, field, '(?p' || options || ')' || pattern)
	ELSE format('SELECT count(*) FROM %s WHERE profile OPERATOR(cirro.@@) %L', tab,
		jsonb_build_object(field, jsonb_build_object('$regex', pattern, '$options', options))) END AS statement
FROM bench.pattern, unnest(ARRAY['floor', 'sql', 'cirro']) AS contender;

CREATE PROCEDURE bench.agree()
LANGUAGE plpgsql AS $$
DECLARE
	s record;
	found bigint;
	other bigint;
BEGIN
	ALTER TABLE bench.pattern ADD rows bigint;
	FOR s IN SELECT * FROM bench.statement WHERE contender <> 'floor' ORDER BY number, contender LOOP
		EXECUTE s.statement INTO found;
		IF s.contender = 'sql' AND found <> other THEN
			RAISE 'a filter finds % rows, ~ %', other, found USING DETAIL = s.statement;
		END IF;
		UPDATE bench.pattern SET rows = found WHERE number = s.number;
		other := found;
	END LOOP;
END $$;

-- Milliseconds that the processor spent on this session; who sleeps is accounted for.
CREATE FUNCTION bench.spent() RETURNS double precision LANGUAGE plpgsql AS $$
BEGIN
	PERFORM pg_sleep(0.001);
	RETURN split_part(pg_read_file('/proc/thread-self/schedstat'), ' ', 1)::float8 / 1e6;
EXCEPTION WHEN undefined_file THEN
	RETURN extract(epoch FROM clock_timestamp()) * 1000;
END $$;

-- Each statement three times; what comes first pays for what the others find.
CREATE PROCEDURE bench.measure(variant text)
LANGUAGE plpgsql AS $$
DECLARE
	s record;
	start double precision;
	answer numeric;
BEGIN
	FOR s IN SELECT * FROM bench.statement ORDER BY number, contender LOOP
		FOR turn IN 1 .. 3 LOOP
			start := bench.spent();
			EXECUTE s.statement INTO answer;
			IF turn > 1 AND (s.contender = 'cirro' OR variant = 'cirro') THEN
				INSERT INTO bench.sample VALUES (variant, s.number, s.contender, bench.spent() - start);
			END IF;
		END LOOP;
	END LOOP;
END $$;
