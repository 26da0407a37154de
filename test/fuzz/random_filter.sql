-- Functions for scripts of this folder: document(), a random document, and
-- filter(depth, ''), the text of a random filter, of any operators and mostly of
-- paths that documents have; wide_document(), with many more values, and
-- stored_filter(), of which what it requires is of interest. All follow setseed().

--
-- Random JSON. Few names and values, so that matches are frequent, and all that
-- an index could get wrong: see the pools.
--

CREATE FUNCTION pick(VARIADIC choices text[]) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	RETURN choices[1 + floor(random() * cardinality(choices))::int];
END $$;

-- Equal by value in other notations, either side of zero, and numbers of more
-- digits than a key holds (48, or 52 before the hash), alike for as long.
CREATE FUNCTION number() RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	n text;
BEGIN
	IF random() < 0.8 THEN
		RETURN pick('0', '1', '2', '3', '4', '5', '6', '7', '9', '1.0', '1e0', '10e-1', '3.00', '-1', '-1.0', '-3', '-5');
	END IF;
	IF random() < 0.5 THEN
		RETURN pick('0.0', '0.5', '0.50', '-0.5', '1.5', '2.5', '9999', '10000', '10001', '1e4', '-10000', '-9999', '1e20',
			'100000000000000000000', '1e-5', '-1e-5', '123.456', '1e300', '-1e300', '9007199254740993', '3.14159');
	END IF;
	n := pick('', '', '-') || pick('', '0.', '0.0000', '12') || repeat('1234', 11 + floor(random() * 3)::int)
		|| pick('', '', '', '1', '1233', '1234', '1235', '12340001', '12340002', '12340000', '12341234', '123412340001', '123412349');
	RETURN n || CASE WHEN n ~ '\.' THEN pick('', '0', '00') ELSE pick('', '', '.0', '.5', '.50', '.00000001') END;
END $$;

-- Around the length where keys are cut, whatever the path, some in the middle
-- of a character; alike at the beginning.
CREATE FUNCTION string() RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	s text;
BEGIN
	IF random() < 0.75 THEN
		RETURN '"' || pick('', 'a', 'b', 'c', 'ab', 'abc', 'B', 'x', '1', '5', 'é', 'ab\n', '2024-01-05', '2024-02-05',
			'2024-02-06', '2024-12-31', '2024-01-05T10', '2024-01-05T10:15', '2024-01-05T10:45Z', '2024-01-05 10:15',
			'2024-01-05T1', '2024-01-05T11:00') || '"';
	END IF;
	s := CASE floor(random() * 4)::int
		WHEN 0 THEN pick('', 's') || repeat('é', 17 + floor(random() * 12)::int)
		WHEN 1 THEN pick('', 's', 'ss') || repeat('€', 11 + floor(random() * 9)::int)
		WHEN 2 THEN repeat('s', 2000)
		ELSE repeat('s', pick('35', '36', '43', '44', '45', '46', '50', '51', '52', '53', '54')::int) END;
	RETURN '"' || s || pick('', '', 'a', 'b', 'é', 'ss') || '"';
END $$;

CREATE FUNCTION scalar(kind text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	RETURN CASE
		WHEN kind = 'n' AND random() < 0.9 THEN number()
		WHEN kind = 's' AND random() < 0.9 THEN string()
		ELSE CASE floor(random() * 8)::int
			WHEN 0 THEN 'true'
			WHEN 1 THEN 'false'
			WHEN 2 THEN 'null'
			WHEN 3 THEN string()
			WHEN 4 THEN string()
			ELSE number() END END;
END $$;

CREATE FUNCTION member(depth int) RETURNS text LANGUAGE plpgsql AS $$ BEGIN RETURN 'null'; END $$;

-- "kind" says what values are mostly: n numbers, s strings, o objects in arrays.
CREATE FUNCTION value(kind text, depth int) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	r float := random();
	parts text[] := '{}';
BEGIN
	IF depth <= 0 OR r < (CASE kind WHEN 'o' THEN 0.1 ELSE 0.45 END) THEN
		RETURN CASE WHEN random() < 0.06 THEN pick('[]', '{}', 'null', '[[]]', '[null]', '[{}]', '""') ELSE scalar(kind) END;
	END IF;
	IF r < 0.85 THEN
		FOR i IN 1 .. floor(random() * 4)::int LOOP
			parts := parts || CASE
				WHEN kind = 'o' AND random() < 0.85 THEN member(depth - 1)
				WHEN random() < 0.75 THEN scalar(kind)
				ELSE value(kind, depth - 1) END;
		END LOOP;
		RETURN '[' || array_to_string(parts, ',') || ']';
	END IF;
	RETURN member(depth - 1);
END $$;

-- Of members with a name each; a filter may not have the same twice.
CREATE FUNCTION object(members text[]) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	member text;
	name text;
	names text[] := '{}';
	parts text[] := '{}';
BEGIN
	FOREACH member IN ARRAY members LOOP
		name := substring(member FROM '^"[^"]*"');
		CONTINUE WHEN name = ANY (names);
		names := names || name;
		parts := parts || member;
	END LOOP;
	RETURN '{' || array_to_string(parts, ',') || '}';
END $$;

CREATE OR REPLACE FUNCTION member(depth int) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	parts text[] := '{}';
	name text;
BEGIN
	FOR i IN 1 .. floor(random() * 4)::int LOOP
		name := pick('b', 'b', 'c', 'c', 'a', '', '0', '1', 'x.y', 'b.c', '01');
		parts := parts || ('"' || name || '":' || value(CASE name WHEN 'b' THEN 'n' WHEN 'c' THEN 's' ELSE '' END, depth - 1));
	END LOOP;
	RETURN object(parts);
END $$;

CREATE FUNCTION document() RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
	parts text[] := '{}';
	name text;
	deep text;
BEGIN
	IF random() < 0.02 THEN
		RETURN pick('{}', '[]', '5', '"a"', 'null', '[{"n":1,"a":{"b":2}}]', '[[1]]', '{"n":[]}', '{"a":{}}');
	END IF;
	FOREACH name IN ARRAY ARRAY['n', 's', 'o', 'a', 'b', 'p', '', '0', 'x.y', 'a name that is longer than the key keeps',
			'a name that is longer than the key keeps!'] LOOP
		CONTINUE WHEN random() < CASE WHEN name IN ('n', 's', 'o', 'a') THEN 0.2 ELSE 0.65 END;
		parts := parts || ('"' || name || '":' || value(CASE WHEN name IN ('n', 's', 'o') THEN name ELSE pick('n', 's', '') END, 3));
	END LOOP;
	IF random() < 0.02 THEN
		deep := number();
		FOR i IN 1 .. pick('3', '30', '62', '63', '64', '65', '80')::int LOOP
			deep := '{"d":' || deep || '}';
		END LOOP;
		parts := parts || ('"d":' || deep);
	END IF;
	RETURN ('{' || array_to_string(parts, ',') || '}')::jsonb;
END $$;

--
-- Random filters
--

CREATE FUNCTION list(kind text, long boolean) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	parts text[] := '{}';
BEGIN
	FOR i IN 1 .. CASE WHEN long THEN 33 + floor(random() * 60)::int ELSE floor(random() * 5)::int END LOOP
		parts := parts || CASE
			WHEN NOT long AND random() < 0.15 THEN value(kind, 2)
			WHEN long AND random() < 0.01 THEN value(kind, 2)
			-- Mostly what no document has, before, between and behind what one has.
			WHEN long AND random() < 0.1 THEN CASE kind WHEN 's' THEN string() ELSE number() END
			WHEN long THEN CASE kind WHEN 's' THEN '"' || pick('', 'a', 'b', 's', 'x') || floor(random() * 100) || '-"'
				ELSE (floor(random() * 100) - 50)::text || '.25' END
			ELSE scalar(kind) END;
	END LOOP;
	RETURN '[' || array_to_string(parts, ',') || ']';
END $$;

CREATE FUNCTION filter(depth int, above text) RETURNS text LANGUAGE plpgsql AS $$ BEGIN RETURN '{}'; END $$;
CREATE FUNCTION operators(kind text, depth int) RETURNS text LANGUAGE plpgsql AS $$ BEGIN RETURN '{}'; END $$;

CREATE FUNCTION one_operator(kind text, depth int) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	o text;
	parts text[] := '{}';
BEGIN
	o := CASE WHEN random() < 0.45 THEN pick('eq', 'in', 'gt', 'gte', 'lt', 'lte')
		ELSE pick('ne', 'nin', 'exists', 'type', 'all', 'size', 'elemMatch', 'elemMatch', 'mod', 'regex', 'not') END;
	IF depth <= 0 AND o IN ('not', 'elemMatch') THEN
		o := 'eq';
	END IF;
	RETURN '"$' || o || '":' || CASE
		WHEN o IN ('eq', 'ne') THEN CASE WHEN random() < 0.8 THEN scalar(kind) ELSE value(kind, 2) END
		WHEN o IN ('gt', 'gte', 'lt', 'lte') THEN CASE WHEN random() < 0.9 THEN scalar(kind) ELSE value(kind, 2) END
		WHEN o IN ('in', 'nin') THEN list(kind, random() < 0.15)
		WHEN o = 'exists' THEN pick('true', 'false', '0', '1')
		WHEN o = 'type' THEN pick('"number"', '"string"', '"object"', '"array"', '"bool"', '"null"', '2', '3', '4', '8', '10',
			'["array","null"]', '["object","string"]', '[8,"number"]', '["string","number","bool","null"]')
		WHEN o = 'size' THEN pick('0', '1', '1', '2', '3', '4294967296')
		WHEN o = 'mod' THEN pick('[2,0]', '[2,1]', '[3,-1]', '[-1,0]', '[4.5,1]')
		WHEN o = 'regex' THEN pick('"^a"', '"b"', '"^s"', '"(?i)^b$"', '"é"', '"^$"', '"5"', '"^2024-0"',
			'"^2024-01-05T1"', '"^2024-01-05T10:1"', '"^2024-01-05.10"', '"^ab"', '"^ab?"', '"^(ab|a)"', '"^a|^ab"', '"^(ab|ac)$"', '"^s{40,}"', '"^ab+c?"', '"^(é|s)é"', '"^[éè]"', '"(?m)^b"', '"^[ab]b"', '"^ab*c"', '"^a$"', '"^b|^a"', '"^(a)"', '"^sssss"',
			'"^' || repeat('s', 52) || '"')
		WHEN o = 'not' THEN operators(kind, depth - 1)
		-- Elements that are arrays themselves.
		WHEN o = 'elemMatch' AND random() < 0.15 THEN
			object(ARRAY['"$' || pick('size":1', 'size":0', 'size":2', 'type":"array"', 'type":["array"]', 'in":[[1],[]]', 'eq":[1]', 'gt":[]',
				'lte":[5]', 'exists":1', 'elemMatch":{"$gt":1}'), '"$' || pick('ne":1', 'ne":[1]', 'nin":[[],null]', 'exists":true')])
		WHEN o = 'elemMatch' AND (kind <> 'o' AND random() < 0.8 OR random() < 0.2) THEN operators(kind, depth - 1)
		-- Two values together, in either order.
		WHEN o = 'elemMatch' AND random() < 0.5 THEN object(ARRAY['"b":' || scalar('n'), '"c":' || scalar('s')]
			|| CASE WHEN random() < 0.3 THEN ARRAY['"' || pick('a', '') || '":' || scalar('')] END)
		WHEN o = 'elemMatch' THEN filter(depth - 1, 'o')
		ELSE CASE WHEN depth > 0 AND random() < 0.3
			THEN '[{"$elemMatch":' || filter(depth - 1, 'o') || '},{"$elemMatch":' || operators(kind, 0) || '}]'
			ELSE list(kind, false) END END;
END $$;

CREATE OR REPLACE FUNCTION operators(kind text, depth int) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	r float := random();
	low text;
BEGIN
	-- Both ends of a range, in either order.
	IF r < 0.3 THEN
		low := scalar(kind);
		RETURN object(ARRAY['"$' || pick('gt', 'gte') || '":' || low,
			'"$' || pick('lt', 'lte') || '":' || CASE WHEN random() < 0.9 THEN scalar(kind) ELSE low END]
			|| CASE WHEN random() < 0.2 THEN ARRAY['"$' || pick('ne', 'lt', 'gt', 'lte') || '":' || scalar(kind)] END);
	END IF;
	RETURN object(one_operator(kind, depth) || CASE WHEN r > 0.8 THEN ARRAY[one_operator(kind, depth)] ELSE '{}' END);
END $$;

CREATE FUNCTION condition(depth int, above text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	path text;
	kind text;
BEGIN
	path := CASE
		WHEN above = 'o' THEN pick('b', 'b', 'b', 'c', 'c', 'c', 'a', '', '0', '1', 'b.c', 'x.y', '01', 'b.0', 'b.b', 'a.c')
		WHEN random() < 0.7 THEN pick('n', 'n', 'n', 's', 's', 's', 'o', 'o', 'o.b', 'o.b', 'o.c', 'o.c', 'a')
		ELSE pick('a.b', 'a.c', 'b', 'b.b', 'p', 'p.c', 'a.b.c', 'a.0', 'a.1', 'a.0.b', 'n.0', 'n.1', 'o.0', 'o.0.b', 'o.1.c', 'o.1',
			'o.01', '', '.b', '.', 'a.', '0', '0.b', 'x.y', 'x', 'o.b.c', 'n.b', 'zz', 'a name that is longer than the key keeps',
			'a name that is longer than the key keeps!', 'a name that is longer than the key keeps.b',
			'd.d.d.d', 'd' || repeat('.d', 62), 'd' || repeat('.d', 63)) END;
	kind := CASE WHEN path ~ '(^|\.)(n|b)$' THEN 'n' WHEN path ~ '(^|\.)(s|c)$' THEN 's' WHEN path = 'o' THEN 'o' ELSE '' END;
	IF random() < 0.2 THEN
		RETURN '"' || path || '":' || CASE WHEN random() < 0.85 THEN scalar(kind) ELSE value(kind, 2) END;
	END IF;
	RETURN '"' || path || '":' || operators(kind, depth);
END $$;

CREATE OR REPLACE FUNCTION filter(depth int, above text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	parts text[] := '{}';
	filters text[];
BEGIN
	IF random() < 0.01 THEN
		RETURN '{}';
	END IF;
	FOR i IN 1 .. CASE WHEN random() < 0.7 THEN 1 ELSE 2 + floor(random() * 2)::int END LOOP
		IF depth > 0 AND random() < 0.25 THEN
			filters := '{}';
			FOR j IN 1 .. 1 + floor(random() * 3)::int LOOP
				filters := filters || filter(depth - 1, above);
			END LOOP;
			parts := parts || ('"$' || pick('and', 'or', 'or', 'nor') || '":[' || array_to_string(filters, ',') || ']');
		ELSE
			parts := parts || condition(depth, above);
		END IF;
	END LOOP;
	RETURN object(parts);
END $$;

-- Of paths that filters ask for, and "very" wide ones of others, too.
CREATE FUNCTION wide_document(very boolean) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
	body jsonb;
BEGIN
	LOOP
		body := document();
		EXIT WHEN jsonb_typeof(body) = 'object';
	END LOOP;
	body := body || ('{"a":[' || (SELECT string_agg(member(1), ',') FROM generate_series(1, 20)) || '],"s":['
		|| (SELECT string_agg(string(), ',') FROM generate_series(1, CASE WHEN very THEN 60 ELSE 5 END)) || ']}')::jsonb;
	IF very THEN
		body := body || (SELECT jsonb_object_agg('k' || k, k) FROM generate_series(1, pick('100', '500', '2000')::int) k);
	END IF;
	RETURN body;
END $$;

-- Conjunctions, of which one condition is chosen, and lists of many values.
CREATE FUNCTION stored_filter() RETURNS filter_query LANGUAGE plpgsql AS $$
DECLARE
	r float := random();
BEGIN
	IF r < 0.3 THEN
		RETURN '{"$and":[' || filter(1, '') || ',' || filter(1, '') || ',' || filter(0, '') || ']}';
	ELSIF r < 0.35 THEN
		RETURN '{"' || pick('n', 's', 'a', 'o.b') || '":{"$in":['
			|| (SELECT string_agg(scalar(pick('n', 's', '')), ',') FROM generate_series(1, pick('30', '60', '70', '400')::int)) || ']}}';
	ELSIF r < 0.4 THEN
		RETURN '{"$or":[' || (SELECT string_agg(filter(0, ''), ',') FROM generate_series(1, pick('3', '20', '70')::int)) || ']}';
	END IF;
	RETURN filter(2, '');
END $$;
