-- What a session needs that calls while its tables change (016_row_writer.pl).
\set VERBOSITY terse
\set SHOW_CONTEXT never
\pset format unaligned
\pset tuples_only on
\setenv DB :DBNAME
SET search_path = trees, woods, public;
SET timezone = 'UTC';
SET cirro.clock = '2030-01-01 12:00+00';
CREATE SEQUENCE public.extra;
CREATE FUNCTION public.louder() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.status := upper(NEW.status); RETURN NEW; END $$;
CREATE FUNCTION public.same() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$;
CREATE FUNCTION public.begin_space() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	IF to_regnamespace('trees') IS NULL THEN
		PERFORM cirro.create_space('trees', 'gardener');
	END IF;
	INSERT INTO trees.worker (id, profile, lot) SELECT n, '{}', n FROM generate_series(2001, 2800) n;
	INSERT INTO trees.gig (id, title, url, start_at, end_at, total_seats, invitation_mode, invitation_multiplier, filter_query)
	VALUES (1, 'one', 'u', '2030-01-02 12:00+00', '2030-01-03 12:00+00', 1000, 'manual', 1, '{}'),
		(2, 'two', 'u', '2030-01-02 12:00+00', '2030-01-03 12:00+00', 1, 'auto', 1, '{}');
	PERFORM FROM trees.invite(1, ARRAY(SELECT generate_series(2001, 2800)));
END $$;
SELECT public.begin_space();
