-- test/docs/complete.sql: what the reference has to name, from the catalogue of
-- a database with cirro and a fresh Space trees.
--
-- Decides what counts as an object of the reference and how its signature is
-- written: a line each, fields parted by tabs: what, name, and what the page
-- must say beside it. Must not know anything of the pages.
\set QUIET on
\pset format unaligned
\pset tuples_only on
\pset fieldsep '\t'
\set ON_ERROR_STOP on
SET client_min_messages = warning;
CREATE EXTENSION cirro;
SELECT cirro.create_space('trees') \g /dev/null

-- Types and defaults as people write them.
CREATE FUNCTION pg_temp.short(text) RETURNS text LANGUAGE sql AS $$
	SELECT regexp_replace(regexp_replace(regexp_replace(regexp_replace(regexp_replace($1,
		'timestamp with time zone', 'timestamptz', 'g'),
		'\minteger\M', 'int', 'g'),
		'::(timestamptz|[a-z_.]+)(\[\])?', '', 'g'),
		'''00:01:00''', '''1 minute''', 'g'),
		'(\mIN |\mcirro\.)', '', 'g') $$;

-- Functions: signature, kind of result, whether somebody else than cirro calls
-- it: not what has no names for its arguments, nor triggers.
SELECT 'function', n.nspname || '.' || p.proname,
	format('%s.%s(%s)', n.nspname, p.proname, CASE WHEN NOT r.of_columns THEN pg_temp.short(pg_get_function_arguments(p.oid))
		ELSE coalesce((SELECT string_agg(format('%s %s', p.proargnames[i], pg_temp.short(format_type(p.proallargtypes[i], NULL)))
			|| CASE WHEN i > p.pronargs - p.pronargdefaults
				THEN ' DEFAULT ' || pg_temp.short(split_part(substring(pg_get_function_arguments(p.oid)
					FROM p.proargnames[i] || ' [^,]* DEFAULT ([^,]*)'), ',', 1)) ELSE '' END, ', ' ORDER BY i)
			FROM generate_subscripts(p.proallargtypes, 1) i WHERE p.proargmodes[i] = 'i'), '') END)
	|| CASE WHEN p.prokind = 'p' THEN '' WHEN r.of_columns THEN ' → TABLE'
		ELSE ' → ' || pg_temp.short(pg_get_function_result(p.oid)) END
FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace,
	LATERAL (SELECT coalesce(p.proargmodes && '{o,t}', false) AS of_columns) r
WHERE n.nspname IN ('cirro', 'trees');

SELECT 'column', n.nspname || '.' || p.proname || '.' || p.proargnames[i], pg_temp.short(format_type(p.proallargtypes[i], NULL))
FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace, generate_subscripts(p.proargmodes, 1) i
WHERE n.nspname IN ('cirro', 'trees') AND p.proargmodes[i] IN ('o', 't');

SELECT 'type', t.typname FROM pg_type t
WHERE t.typnamespace = 'cirro'::regnamespace AND t.typelem = 0;

SELECT 'operator', format('%s %s %s', pg_temp.short(format_type(o.oprleft, NULL)), o.oprname, pg_temp.short(format_type(o.oprright, NULL)))
FROM pg_operator o WHERE o.oprnamespace = 'cirro'::regnamespace;

SELECT 'operator class', c.opcname, a.amname, pg_temp.short(format_type(c.opcintype, NULL)), CASE WHEN c.opcdefault THEN 'default' END
FROM pg_opclass c JOIN pg_am a ON a.oid = c.opcmethod WHERE c.opcnamespace = 'cirro'::regnamespace;

SELECT 'cast', format('%s → %s', replace(pg_temp.short(format_type(c.castsource, NULL)), 'character varying', 'varchar'),
	pg_temp.short(format_type(c.casttarget, NULL))),
	CASE c.castcontext WHEN 'i' THEN 'implicit' WHEN 'a' THEN 'assignment' ELSE 'explicit' END
FROM pg_cast c JOIN pg_type s ON s.oid = c.castsource JOIN pg_type t ON t.oid = c.casttarget
WHERE 'cirro'::regnamespace IN (s.typnamespace, t.typnamespace);

SELECT 'setting', s.name, current_setting(s.name), CASE s.context WHEN 'user' THEN 'everybody' ELSE s.context END
FROM pg_settings s WHERE s.name ~ '^cirro\.';

SELECT CASE c.relkind WHEN 'r' THEN 'table' WHEN 'v' THEN 'view' END, c.relname
FROM pg_class c WHERE c.relnamespace = 'trees'::regnamespace AND c.relkind IN ('r', 'v');

SELECT 'sequence', c.relname FROM pg_class c
WHERE c.relnamespace = 'trees'::regnamespace AND c.relkind = 'S'
	AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = c.oid AND d.classid = 'pg_class'::regclass AND d.deptype = 'i');

SELECT 'column', format('trees.%s.%s', c.relname, a.attname),
	replace(pg_temp.short(format_type(a.atttypid, a.atttypmod)), 'cirro.', '') || CASE WHEN c.relkind = 'r' AND NOT a.attnotnull THEN ', null' ELSE '' END,
	CASE WHEN a.attidentity <> '' THEN 'identity'
		WHEN d.adbin IS NOT NULL THEN coalesce(substring(regexp_replace(pg_get_expr(d.adbin, d.adrelid), '::\w+$', '') FROM '^[\w.{}'']+(?:\(\))?$'), 'some') END
FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
WHERE c.relnamespace = 'trees'::regnamespace AND c.relkind IN ('r', 'v') AND a.attnum > 0 AND NOT a.attisdropped;

-- What a column may hold: of tables by their CHECK, of views by what they write.
SELECT 'value', format('%s.%s.%s', t.relname, a.attname, v.value[1])
FROM pg_constraint c JOIN pg_class t ON t.oid = c.conrelid
JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = c.conkey[1],
	regexp_matches(pg_get_constraintdef(c.oid), '''([^'']*)''::text', 'g') AS v(value)
WHERE t.relnamespace = 'trees'::regnamespace AND c.contype = 'c' AND cardinality(c.conkey) = 1
	AND pg_get_constraintdef(c.oid) ~ '= ANY \(ARRAY';

SELECT 'value', 'worker_invitation.why_not.' || v.value[1]
FROM regexp_matches(substring(pg_get_viewdef('trees.worker_invitation') FROM 'AS can_accept,(.*) AS why_not'),
	'(?:THEN|ELSE) ''([a-z_]+)''', 'g') AS v(value);

SELECT DISTINCT 'value', 'gig_status.phase.' || cirro.gig_phase(g.start_at, g.end_at, g.archive_at, NULL, g.cancelled_at)
FROM (VALUES (1, 2, NULL, NULL), (-1, 1, NULL, NULL), (-2, -1, NULL, NULL), (-3, -2, -1, NULL), (1, 2, NULL, -1)) AS h (s, e, a, c),
	LATERAL (SELECT cirro.now() + h.s * interval '1 hour' AS start_at, cirro.now() + h.e * interval '1 hour' AS end_at,
		cirro.now() + h.a * interval '1 hour' AS archive_at, cirro.now() + h.c * interval '1 hour' AS cancelled_at) g;

-- What comments list behind a colon: reasons, and outcomes of functions.
SELECT 'value', format('%s.%s', c.place, trim(v.value))
FROM (
	SELECT 'invitation.reason', col_description('trees.invitation'::regclass, a.attnum) FROM pg_attribute a
	WHERE a.attrelid = 'trees.invitation'::regclass AND a.attname = 'reason'
	UNION ALL
	SELECT p.proname || '.outcome', obj_description(p.oid, 'pg_proc') FROM pg_proc p
	WHERE p.pronamespace = 'trees'::regnamespace AND p.proname IN ('try_accept', 'invite', 'attempt_invitations')
) AS c (place, comment),
	regexp_split_to_table(regexp_replace(regexp_replace(c.comment, ' \([^)]*\)', '', 'g'), '.*:', ''), ', | or ') AS v(value);

SELECT DISTINCT 'value', 'explain_invitation.gate.' || v.value[1]
FROM pg_proc p, regexp_matches(p.prosrc, '(?:gate := |QUERY SELECT )''(\w+)''', 'g') AS v(value)
WHERE p.oid = 'trees.explain_invitation'::regproc;

SELECT 'kind', k.kind FROM unnest(cirro.event_kinds()) AS k(kind);

SELECT 'constraint', c.conname, t.relname FROM pg_constraint c JOIN pg_class t ON t.oid = c.conrelid
WHERE t.relnamespace = 'trees'::regnamespace AND c.contype <> 'n';

SELECT 'index', c.relname, t.relname
FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_class t ON t.oid = i.indrelid
WHERE c.relnamespace = 'trees'::regnamespace AND NOT EXISTS (SELECT FROM pg_constraint k WHERE k.conindid = i.indexrelid);

SELECT 'statistics', s.stxname FROM pg_statistic_ext s WHERE s.stxnamespace = 'trees'::regnamespace;

SELECT 'trigger', t.tgname, string_agg(c.relname, ' ' ORDER BY c.relname COLLATE "C")
FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
WHERE c.relnamespace = 'trees'::regnamespace AND NOT t.tgisinternal
GROUP BY t.tgname;

-- What a notification says: the keys of its payload, of all kinds together.
INSERT INTO trees.worker (ref) VALUES ('one');
INSERT INTO trees.gig (title, url, start_at, end_at, total_seats, filter_query)
VALUES ('one', 'one', now() + interval '1 day', now() + interval '2 days', 1, '{}');
CALL cirro.run_waves('trees');
UPDATE trees.gig SET title = 'another';
SELECT DISTINCT 'key', k.key FROM trees.claim_notifications() c, jsonb_object_keys(c.payload) AS k(key);

-- What the language knows, as it says itself.
SELECT 'word', w.word[1]
FROM cirro.validate('{"a": {"$unknown": 1}}') v, regexp_matches(v.hint, '\$\w+', 'g') AS w(word);
