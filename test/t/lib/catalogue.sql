-- What the catalogues have on the schema in the setting cirro.catalogue, a row
-- for each fact, in words that no OID and no attribute number occurs in. Runs
-- with search_path = pg_catalog, so that all other names are qualified.
WITH space AS (
	SELECT oid, nspname, nspowner, nspacl FROM pg_namespace WHERE nspname = current_setting('cirro.catalogue')
), class AS (
	SELECT c.* FROM pg_class c JOIN space s ON s.oid = c.relnamespace
), proc AS (
	SELECT p.* FROM pg_proc p JOIN space s ON s.oid = p.pronamespace
), type AS (
	SELECT t.* FROM pg_type t JOIN space s ON s.oid = t.typnamespace
), object (classid, objid) AS (
	SELECT 'pg_namespace'::regclass, oid FROM space
	UNION ALL SELECT 'pg_class'::regclass, oid FROM class
	UNION ALL SELECT 'pg_proc'::regclass, oid FROM proc
	UNION ALL SELECT 'pg_type'::regclass, oid FROM type
	UNION ALL SELECT 'pg_operator'::regclass, o.oid FROM pg_operator o JOIN space s ON s.oid = o.oprnamespace
	UNION ALL SELECT 'pg_opclass'::regclass, o.oid FROM pg_opclass o JOIN space s ON s.oid = o.opcnamespace
	UNION ALL SELECT 'pg_opfamily'::regclass, o.oid FROM pg_opfamily o JOIN space s ON s.oid = o.opfnamespace
	UNION ALL SELECT 'pg_statistic_ext'::regclass, x.oid FROM pg_statistic_ext x JOIN space s ON s.oid = x.stxnamespace
	UNION ALL SELECT 'pg_cast'::regclass, c.oid FROM pg_cast c WHERE c.castsource IN (SELECT oid FROM type) OR c.casttarget IN (SELECT oid FROM type)
	UNION ALL SELECT 'pg_constraint'::regclass, c.oid FROM pg_constraint c JOIN space s ON s.oid = c.connamespace
	UNION ALL SELECT 'pg_trigger'::regclass, t.oid FROM pg_trigger t WHERE t.tgrelid IN (SELECT oid FROM class) AND NOT t.tgisinternal
	UNION ALL SELECT 'pg_policy'::regclass, p.oid FROM pg_policy p WHERE p.polrelid IN (SELECT oid FROM class)
	UNION ALL SELECT 'pg_rewrite'::regclass, r.oid FROM pg_rewrite r WHERE r.ev_class IN (SELECT oid FROM class)
), acl (classid, objid, subid, acl) AS (
	SELECT 'pg_namespace'::regclass, oid, 0, coalesce(nspacl, acldefault('n', nspowner)) FROM space
	UNION ALL SELECT 'pg_class'::regclass, oid, 0, coalesce(relacl, acldefault(CASE relkind WHEN 'S' THEN 's' ELSE 'r' END::"char", relowner))
		FROM class WHERE relkind IN ('r', 'v', 'S')
	UNION ALL SELECT 'pg_class'::regclass, a.attrelid, a.attnum, a.attacl FROM pg_attribute a JOIN class ON class.oid = a.attrelid
	UNION ALL SELECT 'pg_proc'::regclass, oid, 0, coalesce(proacl, acldefault('f', proowner)) FROM proc
	UNION ALL SELECT 'pg_type'::regclass, oid, 0, coalesce(typacl, acldefault('T', typowner)) FROM type
), fact (about, what) AS (
	SELECT pg_describe_object(o.classid, o.objid, 0), 'exists' || coalesce(', of extension ' || (SELECT e.extname FROM pg_depend d
		JOIN pg_extension e ON e.oid = d.refobjid WHERE d.classid = o.classid AND d.objid = o.objid AND d.deptype = 'e'
		AND d.refclassid = 'pg_extension'::regclass), '')
	FROM object o
	UNION ALL
	SELECT pg_describe_object(d.classoid, d.objoid, d.objsubid), 'comment ' || d.description
	FROM pg_description d JOIN object o ON o.classid = d.classoid AND o.objid = d.objoid
	UNION ALL
	SELECT pg_describe_object(a.classid, a.objid, a.subid), concat_ws(' ', 'grants', x.privilege_type, 'to',
		CASE x.grantee WHEN 0 THEN 'PUBLIC' ELSE x.grantee::regrole::text END, 'by', x.grantor::regrole, CASE WHEN x.is_grantable THEN 'with grant option' END)
	FROM acl a, aclexplode(a.acl) x
	UNION ALL
	SELECT pg_describe_object(i.classoid, i.objoid, i.objsubid), concat_ws(' ', 'at first grants', x.privilege_type, 'to',
		CASE x.grantee WHEN 0 THEN 'PUBLIC' ELSE x.grantee::regrole::text END)
	FROM pg_init_privs i JOIN object o ON o.classid = i.classoid AND o.objid = i.objoid, aclexplode(i.initprivs) x
	UNION ALL
	SELECT pg_describe_object('pg_namespace'::regclass, oid, 0), 'owner ' || nspowner::regrole FROM space
	UNION ALL
	SELECT pg_describe_object('pg_proc'::regclass, oid, 0), 'owner ' || proowner::regrole || ', ' || replace(pg_get_functiondef(oid), E'\n', ' ')
	FROM proc
	UNION ALL
	SELECT pg_describe_object('pg_type'::regclass, t.oid, 0), concat_ws(' ', 'owner', t.typowner::regrole, t.typlen, t.typbyval, t.typtype,
		t.typcategory, t.typispreferred, t.typdelim, t.typalign, t.typstorage, t.typinput, t.typoutput, t.typreceive, t.typsend,
		t.typmodin, t.typmodout, t.typanalyze, t.typsubscript, t.typelem::regtype, t.typcollation::regcollation, t.typdefault)
	FROM type t
	UNION ALL
	SELECT pg_describe_object('pg_cast'::regclass, c.oid, 0), concat_ws(' ', c.castfunc::regprocedure, c.castcontext, c.castmethod)
	FROM pg_cast c JOIN object o ON o.classid = 'pg_cast'::regclass AND o.objid = c.oid
	UNION ALL
	SELECT pg_describe_object('pg_operator'::regclass, p.oid, 0), concat_ws(' ', 'owner', p.oprowner::regrole, p.oprresult::regtype, p.oprcode::regprocedure,
		p.oprcom::regoperator, p.oprnegate::regoperator, p.oprrest, p.oprjoin, p.oprcanmerge, p.oprcanhash)
	FROM pg_operator p JOIN object o ON o.classid = 'pg_operator'::regclass AND o.objid = p.oid
	UNION ALL
	SELECT pg_describe_object('pg_opclass'::regclass, c.oid, 0), concat_ws(' ', 'owner', c.opcowner::regrole, c.opcintype::regtype,
		c.opckeytype::regtype, c.opcdefault, pg_describe_object('pg_opfamily'::regclass, c.opcfamily, 0))
	FROM pg_opclass c JOIN object o ON o.classid = 'pg_opclass'::regclass AND o.objid = c.oid
	UNION ALL
	SELECT pg_describe_object('pg_opfamily'::regclass, a.amopfamily, 0), concat_ws(' ', 'operator', a.amopstrategy, a.amoppurpose, a.amopopr::regoperator)
	FROM pg_amop a JOIN object o ON o.classid = 'pg_opfamily'::regclass AND o.objid = a.amopfamily
	UNION ALL
	SELECT pg_describe_object('pg_opfamily'::regclass, a.amprocfamily, 0), concat_ws(' ', 'function', a.amprocnum, a.amproclefttype::regtype,
		a.amprocrighttype::regtype, a.amproc::regprocedure)
	FROM pg_amproc a JOIN object o ON o.classid = 'pg_opfamily'::regclass AND o.objid = a.amprocfamily
	UNION ALL
	SELECT pg_describe_object('pg_class'::regclass, c.oid, 0), concat_ws(' ', 'owner', c.relowner::regrole, c.relkind, c.relpersistence, c.relreplident,
		c.relrowsecurity, c.relforcerowsecurity, c.reloptions)
	FROM class c
	UNION ALL
	SELECT pg_describe_object('pg_class'::regclass, a.attrelid, 0), concat_ws(' ', 'column',
		row_number() OVER (PARTITION BY a.attrelid ORDER BY a.attnum), a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull,
		a.attidentity, a.attgenerated, a.attstorage, a.attcollation::regcollation, pg_get_expr(d.adbin, d.adrelid))
	FROM pg_attribute a JOIN class c ON c.oid = a.attrelid
	LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
	WHERE a.attnum > 0 AND NOT a.attisdropped
	UNION ALL
	SELECT pg_describe_object('pg_class'::regclass, i.indexrelid, 0), pg_get_indexdef(i.indexrelid)
		|| concat_ws(' ', '', i.indisvalid, i.indisready, i.indisclustered, i.indisreplident)
	FROM pg_index i JOIN class c ON c.oid = i.indexrelid
	UNION ALL
	SELECT pg_describe_object('pg_class'::regclass, s.seqrelid, 0), concat_ws(' ', s.seqtypid::regtype, s.seqstart, s.seqincrement, s.seqmax, s.seqmin,
		s.seqcache, s.seqcycle) || coalesce(' owned by ' || pg_describe_object(d.refclassid, d.refobjid, d.refobjsubid), '')
	FROM pg_sequence s JOIN class c ON c.oid = s.seqrelid
	LEFT JOIN pg_depend d ON d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype IN ('a', 'i')
	UNION ALL
	SELECT pg_describe_object('pg_class'::regclass, c.conrelid, 0), concat_ws(' ', 'constraint', c.conname, pg_get_constraintdef(c.oid), c.convalidated)
	FROM pg_constraint c JOIN space s ON s.oid = c.connamespace
	UNION ALL
	SELECT pg_describe_object('pg_class'::regclass, t.tgrelid, 0), concat_ws(' ', pg_get_triggerdef(t.oid), t.tgenabled)
	FROM pg_trigger t JOIN class c ON c.oid = t.tgrelid WHERE NOT t.tgisinternal
	UNION ALL
	SELECT pg_describe_object('pg_statistic_ext'::regclass, x.oid, 0), concat_ws(' ', 'owner', x.stxowner::regrole, to_jsonb(x)->'stxstattarget',
		pg_get_statisticsobjdef(x.oid))
	FROM pg_statistic_ext x JOIN space s ON s.oid = x.stxnamespace
	UNION ALL
	SELECT pg_describe_object('pg_class'::regclass, r.ev_class, 0), concat_ws(' ', r.rulename, r.ev_enabled, replace(pg_get_ruledef(r.oid), E'\n', ' '))
	FROM pg_rewrite r JOIN class c ON c.oid = r.ev_class
	UNION ALL
	SELECT pg_describe_object('pg_policy'::regclass, p.oid, 0), concat_ws(' ', p.polcmd, p.polpermissive,
		(SELECT string_agg(r::regrole::text, ',' ORDER BY 1) FROM unnest(p.polroles) r), pg_get_expr(p.polqual, p.polrelid), pg_get_expr(p.polwithcheck, p.polrelid))
	FROM pg_policy p JOIN object o ON o.classid = 'pg_policy'::regclass AND o.objid = p.oid
)
SELECT about || ': ' || what FROM fact WHERE about !~ 'pg_toast' ORDER BY 1;
