-- The Space of 016_row_writer.pl before anything happens in it.
CREATE EXTENSION cirro;
CREATE EXTENSION IF NOT EXISTS amcheck;
SELECT cirro.create_space('trees', 'gardener');
GRANT CREATE ON SCHEMA public TO gardener, visitor;
INSERT INTO trees.worker (id, profile, lot)
SELECT n, jsonb_build_object('n', n, 'k', n % 3), n * 1000 FROM generate_series(1, 200) n;
ALTER TABLE trees.worker ALTER id RESTART 1000;
INSERT INTO trees.consumer (name, kinds) VALUES ('seats', '{gig.filled,gig.reopened}'), ('Answers', '{invitation.updated}'),
	('none', '{}'), ('all', NULL);

-- What a command says to PL/pgSQL's EXCEPTION: ok, or all there is to an error.
CREATE FUNCTION public.try(command text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	state text; message text; detail text; hint text; s text; t text; c text; k text; d text;
BEGIN
	EXECUTE command;
	RETURN 'ok';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT,
		s = SCHEMA_NAME, t = TABLE_NAME, c = COLUMN_NAME, k = CONSTRAINT_NAME, d = PG_DATATYPE_NAME;
	RETURN concat_ws('|', state, message, detail, hint, s, t, c, k, d);
END $$;
