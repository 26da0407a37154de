-- Damages valid filters at random and gives them to the input function.
--
--     psql -X -v rounds=100000 -f test/fuzz/filter_mutation.sql
--
-- Each is refused with 22P02 or 54000, or is accepted; then its text reads
-- back equal, also by way of jsonb, and it raises no error on any document.
-- cirro.validate() says the same, and explanations raise no error either.
-- Anything else is an error of this script. Uses the current database, which
-- must have the extension; leaves nothing behind.
\set ON_ERROR_STOP on
SET client_min_messages = notice;

CREATE FUNCTION pg_temp.mutate(rounds int) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	seeds text[] := ARRAY[
		'{"a":1,"b.c":{"$gt":1.5,"$lt":1e3},"d":[1,{"e":null}]}',
		'{"$or":[{"a":{"$in":[1,"x",null,[2]]}},{"$nor":[{"b":{"$nin":[]}},{"c":true}]}]}',
		'{"a.0.b":{"$elemMatch":{"c":{"$size":2},"d":{"$mod":[4,1]}}}}',
		'{"a":{"$not":{"$regex":"^(a|b)*[c-d]{2,3}\\s$","$options":"imsx"}}}',
		'{"a":{"$all":[{"$elemMatch":{"$gte":1}},{"$elemMatch":{"$lte":"\u00e9\n"}}]}}',
		'{"a":{"$type":["string",8,"null"],"$exists":true,"$ne":{"b":[]}},"":{"$all":[1,[2]]}}'];
	pieces text[] := ARRAY['{', '}', '[', ']', ',', ':', '"', '\', '$', '.', '0', '-', 'e', '"$in"', '"$not"', '"$or"',
		'"$regex"', '"$mod"', 'null', '1e999', '\u0000', '\ud83d', 'é', '(', '*', '{}', '[]', '"$elemMatch":{', '(?i)', '\\1',
		E'\t', E'\x01', '99999999999999999999', '[[[[[[[[[[[[[[[['];
	docs jsonb[] := ARRAY['{}', '5', '[[{"b":1}]]', '{"a":[{"b":[{"c":[1,2],"d":5}]},"x",null,1],"b":{"c":2},"":[1,[2]]}',
		'{"a":"abcc é","c":true,"d":[1,{"e":null}]}', '{"a":1e1000,"b":{"c":-1e30}}'];
	s text;
	q cirro.filter_query;
	at int;
	accepted int := 0;
BEGIN
	FOR i IN 1 .. rounds LOOP
		s := seeds[1 + floor(random() * array_length(seeds, 1))::int];
		FOR j IN 0 .. floor(random() * 3)::int LOOP
			at := 1 + floor(random() * (length(s) + 1))::int;
			s := CASE floor(random() * 5)::int
				WHEN 0 THEN substr(s, 1, at - 1) || substr(s, at + 1)
				WHEN 1 THEN substr(s, 1, at)
				WHEN 2 THEN substr(s, 1, at - 1) || substr(s, at + floor(random() * 9)::int)
				ELSE substr(s, 1, at - 1) || pieces[1 + floor(random() * array_length(pieces, 1))::int]
					|| substr(s, at + floor(random() * 3)::int) END;
		END LOOP;
		BEGIN
			q := s::cirro.filter_query;
		EXCEPTION WHEN invalid_text_representation OR program_limit_exceeded THEN
			IF NOT EXISTS (SELECT FROM cirro.validate(s)) THEN
				RAISE EXCEPTION 'refused, but valid: %', s;
			END IF;
			CONTINUE;
		END;
		IF EXISTS (SELECT FROM cirro.validate(s)) THEN
			RAISE EXCEPTION 'accepted, but not valid: %', s;
		END IF;
		PERFORM FROM cirro.lint(q);
		accepted := accepted + 1;
		IF q::text::cirro.filter_query OPERATOR(cirro.<>) q OR q::jsonb::cirro.filter_query OPERATOR(cirro.<>) q THEN
			RAISE EXCEPTION 'does not read back equal: %', s;
		END IF;
		IF q::text <> q::jsonb::text THEN
			RAISE EXCEPTION 'text differs from that of jsonb: %', s;
		END IF;
		FOR d IN 1 .. array_length(docs, 1) LOOP
			IF cirro.matches(docs[d], q) IS NULL THEN
				RAISE EXCEPTION 'no answer: %', s;
			END IF;
			IF EXISTS (SELECT FROM cirro.explain_match(docs[d], q) e
				WHERE e.matched IS NULL OR e.found::text::jsonb <> e.found) THEN
				RAISE EXCEPTION 'no explanation: %', s;
			END IF;
		END LOOP;
	END LOOP;
	RETURN format('%s rounds, %s accepted', rounds, accepted);
END $$;

SELECT pg_temp.mutate(:rounds);
