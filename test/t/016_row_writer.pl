# Rows written past the executor are those that statements write. One life of a
# Space is led twice, in two databases made alike, directly and by statements:
# what it says, what it leaves in the tables, the counters of the tables, what
# logical decoding tells of it are the same, and no index lacks a row. That with
# everything that an application may do to the tables; of each it is said which way
# is taken, and why.
#
# CASES='trigger|rule' make installcheck-tap PROVE_TESTS=test/t/016_row_writer.pl
use strict;
use warnings;
use FindBin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

$ENV{PGUSER} = 'postgres';
my $node = PostgreSQL::Test::Cluster->new('row_writer');
$node->init(extra => [ '-U', 'postgres' ]);
$node->append_conf('postgresql.conf', "fsync = off\nautovacuum = off\nwal_level = logical\n"
	. "max_prepared_transactions = 10\nmax_replication_slots = 10\nlog_statement = none");
$node->start;
$node->safe_psql('postgres', 'CREATE ROLE gardener LOGIN; CREATE ROLE visitor LOGIN; GRANT SET ON PARAMETER cirro.clock TO gardener, visitor; CREATE DATABASE made');

# Nothing but the name of it, where that can be installed and Citus itself is not.
my ($share) = map { "$_/extension/citus" } run_command([ 'pg_config', '--sharedir' ]);
my $is_made = !-e "$share.control" && open my $control, '>', "$share.control";
if ($is_made)
{
	print $control "default_version = '1.0'\n";
	close $control;
	append_to_file("$share--1.0.sql", '');
}
END { unlink "$share.control", "$share--1.0.sql" if $is_made }

sub lib { return slurp_file("$FindBin::RealBin/lib/$_[0]") }
my $life = lib('two_ways_life.sql');
$node->safe_psql('made', lib('two_ways_made.sql'));

# What the two ways may differ in: the wall clock, and transaction ids.
my @own = qw(due_at took changed_in searched searched_on released slept_in place seen uid cleaned_at);
my @tables = qw(setting worker gig gig_filter gig_key gig_state look invitation wave attempt event consumer notification);

# One session that asks for all that a life has left in a database; each answer
# after its name. Of what reads (seq_scan, idx_scan) the counters differ, and of
# gig_state how often a wave updates it.
my $ask = join "\n", "SET timezone = 'UTC'; SET search_path = trees, public; SET cirro.clock = '2030-01-03 12:30+00';",
	(map { "\\echo == rows of $_\nSELECT to_jsonb(t) - '{" . join(',', @own) . "}'::text[] FROM ONLY trees.$_ t ORDER BY "
		. ($_ eq 'consumer' ? 'name COLLATE "C"' : $_ eq 'gig_key' ? 'key, gig_id' : /_/ ? 'gig_id' : /^(?:setting|look)$/ ? '1' : 'id') . ';' } @tables),
	<<'SQL';
\echo == transaction ids
SELECT to_jsonb(s)->>'gig_id', to_jsonb(s)->'searched' = 'null', to_jsonb(s)->'released' = 'null', to_jsonb(s)->'slept_in' = 'null' FROM trees.gig_state s ORDER BY 1;
SELECT count(*) FROM trees.notification n WHERE NOT (to_jsonb(n)->>'due_at')::timestamptz BETWEEN now() - interval '1 h' AND now() + interval '1 h';
\echo == sequences
SELECT sequencename, last_value FROM pg_sequences WHERE schemaname = 'trees' ORDER BY 1;
\echo == counters
SELECT relname, n_tup_ins, n_tup_del, n_live_tup, CASE WHEN relname <> 'gig_state' THEN n_tup_upd END, CASE WHEN relname <> 'gig_state' THEN n_tup_hot_upd END
FROM pg_stat_user_tables WHERE schemaname = 'trees' ORDER BY 1;
\echo == consistency
SELECT * FROM trees.check_consistency();
\echo == damage
SELECT c.relname FROM pg_class c JOIN pg_index i ON i.indexrelid = c.oid
WHERE c.relnamespace = 'trees'::regnamespace AND c.relkind = 'i' AND c.relam = (SELECT oid FROM pg_am WHERE amname = 'btree')
	AND i.indisvalid AND i.indisready AND CASE WHEN c.relkind = 'i' THEN bt_index_check(c.oid, true) IS NULL END;
SELECT c.relname, v.* FROM pg_class c CROSS JOIN LATERAL verify_heapam(c.oid) v
WHERE c.relnamespace = 'trees'::regnamespace AND c.relkind = 'r' AND c.relam = (SELECT oid FROM pg_am WHERE amname = 'heap');
\echo == logical decoding
SELECT data FROM pg_logical_slot_get_changes(current_database(), NULL, NULL, 'include-xids', '0', 'skip-empty-xacts', '1');
SELECT pg_drop_replication_slot(current_database()) \g /dev/null
\echo == the check of the case
SET enable_seqscan = off;
SQL

# What logical decoding tells, transaction by transaction; of each table in its
# order, for a statement writes two of them in turns.
sub decoded
{
	my $own = join '|', @own;
	my @told;
	my %of;

	for my $line (split /\n/, $_[0])
	{
		if ($line =~ /^table trees\.(\S+):/)
		{
			my $table = $1;
			$line =~ s/ (?:$own)\[[^]]*\]:(?:'[^']*'|\S+)//g;
			# A wave may write gig_state once, or twice.
			@{ $of{$table} } = grep { !/UPDATE:.* gig_id\[bigint\]:$1 / } @{ $of{$table} } if $line =~ /^table trees\.gig_state: UPDATE:.*? gig_id\[bigint\]:(\d+) /;
			push @{ $of{$table} }, $line;
		}
		elsif ($line =~ /^(?:COMMIT|PREPARE)/)
		{
			push @told, map { @{ $of{$_} } } sort keys %of;
			push @told, $line;
			%of = ();
		}
	}
	return join "\n", @told;
}

# Of rows that an error has taken back ids are left out, not the same by both ways.
sub without_ids
{
	my ($left, $case) = @_;

	delete @{$left}{'counters', 'sequences', 'logical decoding'};
	for my $aspect (keys %$left)
	{
		$left->{$aspect} =~ s/"(id|event_id|wave_id|invitation_id)": \d+/"$1": N/g;
		$left->{$aspect} =~ s/\d+/N/g if !$case->{keeps} && $aspect =~ /^(?:what is|errors)/ || $aspect eq 'rows of wave';
	}
	return;
}

sub lead
{
	my ($case, $db) = @_;
	my ($said, $told, $answers, $errors) = ('') x 4;
	my (%left, %ways);

	$node->safe_psql($db, "SET client_min_messages = warning; GRANT CREATE ON DATABASE $db TO gardener; SET search_path = trees, public; SET cirro.clock = '2030-01-01'; "
		. ($case->{ddl} // '') . "; SELECT pg_create_logical_replication_slot('$db', 'test_decoding')");
	$node->psql($db, "SET client_min_messages = debug1; " . ($case->{life} // $life), stdout => \$said, stderr => \$told, on_error_stop => 0,
		extra_params => [ '-U', $case->{user} // 'gardener' ]);
	$node->psql($db, "$ask\n" . ($case->{check} // ''), stdout => \$answers, stderr => \$errors, on_error_stop => 0);
	%left = $answers =~ /^== ([^\n]*)\n(.*?)(?=^== |\z)/msg;
	# Core's own message of that level, and what it says of the place.
	$told =~ s/^\S*\s*DEBUG:  rehashing[^\n]*\n(?:(?!psql:)[^\n]*\n)*//mg;
	$ways{$1}{$2}++ while $told =~ /^.*DEBUG:  table "(\S+)" is left to statements: (.*)$/mg;
	$left{'what is said'} = $said;
	$left{'errors and notices'} = join "\n", map { s/^psql:<stdin>:\d+: //r } grep { !/DEBUG: / } split /\n/, $told;
	$left{'errors of the last questions'} = $errors;
	$left{'logical decoding'} = decoded($left{'logical decoding'});
	# By one way or the other it is looked for first.
	$left{'errors and notices'} =~ s/(?:type|relation)( "invitation" does not exist).*/$1/g;
	# Wall clock.
	s/\d\d:\d\d:\d\d\.\d+/T/g, s/2026-\d\d-\d\d/D/g for values %left;
	return (\%left, { map { $_ => join ', ', sort keys %{ $ways{$_} } } keys %ways });
}

# The first lines that differ, for who has to find out why.
sub difference
{
	my ($direct, $statements) = @_;
	my @a = split /\n/, $direct;
	my @b = split /\n/, $statements;
	my @found;

	for my $i (0 .. ($#a > $#b ? $#a : $#b))
	{
		my ($x, $y) = ($a[$i] // '(nothing)', $b[$i] // '(nothing)');
		push @found, sprintf("line %d\n  direct:     %s\n  statements: %s", $i + 1, $x, $y) if $x ne $y;
		last if @found == 3;
	}
	return join "\n", @found;
}

# DUMP=file: writes down what is compared, for who changes the life.
sub compare
{
	my ($case) = @_;

	$node->safe_psql('postgres', join ' ', "SET client_min_messages = warning;\n", map { "DROP DATABASE IF EXISTS $_;\nCREATE DATABASE $_ TEMPLATE made;\n"
		. "ALTER DATABASE $_ SET default_transaction_isolation = '" . ($case->{isolation} // 'read committed') . "';\n"
		. "ALTER DATABASE $_ SET session_replication_role = '" . ($case->{replication_role} // 'origin') . "';\n" } qw(direct statements));
	$node->safe_psql('postgres', 'ALTER DATABASE statements SET cirro.direct_writes = off');
	my ($direct, $way) = lead($case, 'direct');
	my ($statements, $other) = lead($case, 'statements');
	if ($ENV{DUMP})
	{
		open my $file, '>', $ENV{DUMP} or die "$ENV{DUMP}: $!";
		print $file map { "== $_\n$direct->{$_}\n" } sort keys %$direct;
		close $file;
	}
	for my $of ($direct, $statements)
	{
		without_ids($of, $case) if $case->{fails};
		is($of->{consistency}, '', "$case->{name}: consistent") if !$case->{damage} && !$case->{fails};
		cmp_ok(length $of->{'logical decoding'}, '>', 100_000, "$case->{name}: much has happened") if !$case->{damage} && !$case->{fails} && !$case->{little};
	}
	for my $aspect (sort keys %$statements)
	{
		ok($direct->{$aspect} eq $statements->{$aspect}, "$case->{name}: $aspect")
			or diag difference($direct->{$aspect}, $statements->{$aspect});
	}
	unlike($direct->{'errors of the last questions'}, qr/heap tuple|index/, "$case->{name}: no index lacks a row");
	is_deeply($way, $case->{left} // {}, "$case->{name}: the way taken") or diag explain $way;
	is_deeply($other, {}, "$case->{name}: nothing is said where the setting is off");
	return;
}

# What an application does to the tables of a Space (ddl). Then these tables are left
# to statements, for these reasons (left). What else is to be seen in the end, by the
# index if it is of one (check). Something fails half way (fails); the Space does not
# end as a Space should (damage), or has little to tell of (little).
my @cases = (
	{ name => 'as it is made' },
	{ name => 'a superuser', user => 'postgres' },
	{ name => 'columns',
		ddl => q{ALTER TABLE event ADD a text, ADD b int DEFAULT 7, ADD c text[] NOT NULL DEFAULT '{x,y}', ADD d varchar(3) DEFAULT 'abc', ADD e numeric(5,2) DEFAULT 1.005,
				ADD gone text DEFAULT 'gone', ADD f timestamptz NOT NULL DEFAULT cirro.now(), ADD g date DEFAULT '2030-01-01';
			ALTER TABLE event DROP gone; ALTER TABLE notification ADD kind text, ADD gone int DEFAULT 1, ADD a text DEFAULT repeat('x', 5), ADD b timestamptz DEFAULT '2030-01-01 00:00+00';
			ALTER TABLE notification DROP gone; ALTER TABLE gig_state ADD gone text DEFAULT 'gone', ADD a text DEFAULT 'state', ADD b int; ALTER TABLE gig_state DROP gone;
			ALTER TABLE invitation ADD gone int DEFAULT 1, ADD "status " text DEFAULT 's', ADD consumer text, ADD b jsonb DEFAULT '{"a": 1}', ADD c timestamptz DEFAULT cirro.now(); ALTER TABLE invitation DROP gone;
			ALTER TABLE wave ADD gone int DEFAULT 1, ADD stays int DEFAULT 2; ALTER TABLE wave DROP gone; ALTER TABLE consumer ADD a text; ALTER TABLE worker ADD gone int DEFAULT 3, ADD a int DEFAULT 3; ALTER TABLE worker DROP gone},
		check => q{SELECT count(*) FROM event WHERE (a, b, c, d, e, g) IS NOT DISTINCT FROM (NULL::text, 7, '{x,y}'::text[], 'abc'::text, 1.01, '2030-01-01'::date) AND f = at} },
	{ name => 'other defaults of columns of cirro',
		ddl => q{ALTER TABLE event ALTER payload SET DEFAULT '{"a": 1}', ALTER worker_id SET DEFAULT -1, ALTER invitation_id SET DEFAULT -2, ALTER revision SET DEFAULT -3, ALTER status SET DEFAULT 's', ALTER previous SET DEFAULT 'p', ALTER at SET DEFAULT '2000-01-01';
			ALTER TABLE notification ALTER attempts SET DEFAULT 1, ALTER put_off SET DEFAULT true, ALTER error SET DEFAULT 'e'; ALTER TABLE wave ALTER error SET DEFAULT 'none', ALTER held_back SET DEFAULT 7, ALTER matched SET DEFAULT 8, ALTER repeats SET DEFAULT 9;
			ALTER TABLE invitation ALTER reason SET DEFAULT 'why', ALTER responded_at SET DEFAULT '2030-01-01 00:00+00', ALTER times_invited SET DEFAULT 5, ALTER silenced SET DEFAULT true, ALTER created_at SET DEFAULT '2000-01-01'} },
	{ name => 'wide columns',
		ddl => q{DO $$ BEGIN FOR i IN 1..3 LOOP EXECUTE format('ALTER TABLE %I ADD wide text DEFAULT %L', ('{event,gig_state,invitation}'::text[])[i],
			(SELECT string_agg(md5(n::text), '') FROM generate_series(1, 200) n)); END LOOP; END $$},
		check => 'SELECT count(*), min(length(wide)), max(length(wide)), count(DISTINCT wide) FROM event' },
	{ name => 'what changes nothing',
		ddl => q{ALTER TABLE event ADD CHECK (revision > 0), ADD CHECK (upper(kind) <> kind), ADD CHECK (at <= cirro.now()); ALTER TABLE notification ADD CHECK (attempts < 100) NOT VALID, ADD CHECK (true) NO INHERIT;
			ALTER TABLE gig_state ADD CHECK (accepted >= 0), ADD CHECK (accepted <= 1000 AND coalesce(next_wave_at > last_due_at - interval '1 h', true));
			ALTER TABLE invitation ADD CHECK (times_invited < 100); ALTER TABLE wave ADD CHECK (invited < 1000);
			ALTER TABLE event SET (fillfactor = 30); ALTER TABLE notification SET (fillfactor = 30); ALTER TABLE invitation SET (fillfactor = 30);
			ALTER TABLE event CLUSTER ON event_pkey; ALTER TABLE event ALTER kind SET STORAGE EXTERNAL, ALTER status SET STATISTICS 10;
			CREATE TABLE mine (e bigint REFERENCES event, g bigint REFERENCES gig_state ON UPDATE CASCADE, n bigint REFERENCES notification, i bigint REFERENCES invitation, w bigint REFERENCES wave);
			CREATE TABLE parent (kind text); ALTER TABLE parent OWNER TO gardener; ALTER TABLE event INHERIT parent; REVOKE ALL ON SEQUENCE event_id_seq FROM gardener;
			CREATE FUNCTION never() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$; CREATE TRIGGER t AFTER INSERT ON gig_state FOR EACH ROW EXECUTE FUNCTION never();
			CREATE TRIGGER t BEFORE UPDATE ON event FOR EACH ROW EXECUTE FUNCTION never(); CREATE TRIGGER t AFTER DELETE ON notification FOR EACH ROW EXECUTE FUNCTION never();
			CREATE RULE r AS ON INSERT TO gig_filter WHERE false DO INSTEAD NOTHING;
			ALTER TABLE gig_state DROP CONSTRAINT gig_state_pkey CASCADE; ALTER TABLE gig_state ADD PRIMARY KEY (gig_id) INCLUDE (accepted);
			ALTER TABLE event ALTER id SET INCREMENT BY 7 SET CACHE 5; ALTER TABLE notification ALTER id SET INCREMENT BY 3 RESTART 17; ALTER TABLE wave ALTER id SET INCREMENT BY 2 SET CACHE 20},
		check => 'SELECT count(*) FROM parent' },
	{ name => 'indexes of every kind',
		ddl => q{CREATE UNIQUE INDEX ON event (id, kind); CREATE INDEX ON event (lower(kind), (gig_id + 1)) WHERE worker_id IS NOT NULL;
			CREATE INDEX ON event USING gin (payload); CREATE INDEX brin ON event USING brin (at, id) WITH (pages_per_range = 1); CREATE INDEX ON event USING hash (gig_id);
			CREATE INDEX ON event (kind) INCLUDE (status); CREATE UNIQUE INDEX ON notification (consumer, event_id);
			CREATE INDEX ON notification USING gin (to_tsvector('english'::regconfig, consumer)); CREATE INDEX ON notification USING spgist (consumer);
			CREATE INDEX ON gig_state USING brin (accepted); CREATE INDEX ON gig_state (released, accepted) WHERE accepted > 1; CREATE INDEX ON gig_state ((accepted * 2));
			CREATE INDEX ON invitation USING gist (tstzrange(invited_at, responded_at)); CREATE INDEX ON invitation USING hash (status);
			CREATE INDEX ON invitation ((status || 'x')) WHERE wave_id IS NOT NULL; CREATE INDEX ON invitation USING brin (id); CREATE INDEX ON wave (outcome)},
		check => q{SELECT count(*) FROM event WHERE kind = 'invitation.created'; SELECT count(*) FROM event WHERE lower(kind) = 'invitation.updated' AND gig_id + 1 = 4 AND worker_id IS NOT NULL;
			SELECT count(*) FROM event WHERE payload @> '{"gig": {}}'; SELECT count(*) FROM event WHERE at >= '2030-01-01 12:10+00' AND id > 1;
			SELECT count(*) FROM event WHERE gig_id = 3; SELECT count(*) FROM notification WHERE to_tsvector('english'::regconfig, consumer) @@ 'all'::tsquery;
			SELECT count(*) FROM notification WHERE consumer = 'all'; SELECT count(*) FROM gig_state WHERE accepted >= 1; SELECT count(*) FROM gig_state WHERE accepted * 2 = 2;
			SELECT count(*) FROM invitation WHERE status = 'accepted'; SELECT count(*) FROM invitation WHERE tstzrange(invited_at, responded_at) @> '2030-01-01 12:06+00'::timestamptz;
			SELECT count(*) FROM invitation WHERE status || 'x' = 'pendingx' AND wave_id IS NOT NULL; SELECT count(*) FROM invitation WHERE id > 100; SELECT count(*) FROM wave WHERE outcome = 'invited'} },
	{ name => 'checks of event, wave and invitation that fail', fails => 1, ddl => q{ALTER TABLE event ADD CONSTRAINT few CHECK (status <> 'left'), ADD CONSTRAINT start CHECK (kind <> 'gig.started');
			ALTER TABLE wave ADD CONSTRAINT few CHECK (invited <> 11); ALTER TABLE invitation ADD CONSTRAINT few CHECK (worker_id <> 150)} },
	{ name => 'checks of notification and gig_state that fail', fails => 1, ddl => q{ALTER TABLE notification ADD CONSTRAINT few CHECK (consumer <> 'seats'); ALTER TABLE gig_state ADD CONSTRAINT few CHECK (accepted < 3)} },
	{ name => 'a column that must be given', fails => 1, ddl => q{ALTER TABLE notification ADD must text NOT NULL} },
	{ name => 'unique indexes of event, gig_state and wave that are violated', fails => 1,
		ddl => q{CREATE UNIQUE INDEX once ON event (gig_id, worker_id) WHERE kind = 'invitation.updated' AND worker_id IN (1, 10, 125); CREATE UNIQUE INDEX nulls ON event (kind, status, worker_id) NULLS NOT DISTINCT WHERE kind LIKE 'gig.%';
			CREATE UNIQUE INDEX three ON gig_state (accepted) WHERE accepted > 1; CREATE UNIQUE INDEX two ON wave (gig_id) WHERE gig_id IN (4, 6)} },
	{ name => 'unique indexes of notification and invitation that are violated', fails => 1,
		ddl => q{CREATE UNIQUE INDEX once ON notification (attempts, consumer) WHERE consumer = 'seats'; CREATE UNIQUE INDEX few ON invitation (worker_id) WHERE worker_id IN (1, 5, 33, 77)} },
	{ name => 'row security', ddl => q{ALTER TABLE event ENABLE ROW LEVEL SECURITY; ALTER TABLE notification ENABLE ROW LEVEL SECURITY; ALTER TABLE consumer ENABLE ROW LEVEL SECURITY;
		ALTER TABLE gig_state ENABLE ROW LEVEL SECURITY; ALTER TABLE invitation ENABLE ROW LEVEL SECURITY; ALTER TABLE wave ENABLE ROW LEVEL SECURITY; ALTER TABLE worker ENABLE ROW LEVEL SECURITY} },
	# The tables are written row security aside, the owner's as well.
	{ name => 'row security of the owner too', ddl => q{ALTER TABLE event ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY; CREATE POLICY p ON event USING (true) WITH CHECK (kind <> 'gig.filled');
		ALTER TABLE gig_state ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY; CREATE POLICY p ON gig_state USING (gig_id <> 6) WITH CHECK (true)} },
	{ name => 'many consumers', ddl => q{INSERT INTO consumer (name, kinds) SELECT 'c' || n, CASE n % 3 WHEN 0 THEN '{invitation.created,gig.filled}'::text[] WHEN 1 THEN '{gig.exhausted}' END FROM generate_series(1, 70) n} },
	{ name => 'no consumer', ddl => 'DELETE FROM consumer' },
	{ name => 'unlogged tables', little => 1, ddl => q{ALTER TABLE event SET UNLOGGED; ALTER TABLE notification SET UNLOGGED; ALTER TABLE gig_state SET UNLOGGED; ALTER TABLE wave SET UNLOGGED} },
	{ name => 'published', ddl => q{CREATE PUBLICATION every FOR ALL TABLES; ALTER TABLE gig_state REPLICA IDENTITY FULL; ALTER TABLE invitation REPLICA IDENTITY USING INDEX invitation_gig_id_worker_id_key;
		CREATE PUBLICATION part FOR TABLE gig_state WHERE (accepted > 1), event WHERE (kind = 'gig.filled')} },
	{ name => 'gig_state published without identity', fails => 1, ddl => q{CREATE PUBLICATION p FOR ALL TABLES; ALTER TABLE gig_state REPLICA IDENTITY NOTHING} },
	{ name => 'gig_state published by what is not of its identity', fails => 1, ddl => q{CREATE PUBLICATION p FOR TABLE gig_state WHERE (accepted > 1)} },
	{ name => 'invitation published without identity', fails => 1, ddl => q{CREATE PUBLICATION p FOR ALL TABLES; ALTER TABLE invitation REPLICA IDENTITY NOTHING} },

	# By statement.
	{ name => 'triggers', left => { map { $_ => 'it has a trigger' } qw(event gig_state) },
		ddl => q{CREATE TABLE log (t text, n text); ALTER TABLE log OWNER TO gardener;
			CREATE FUNCTION upper_status() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.status := upper(NEW.status); RETURN NEW; END $$;
			CREATE FUNCTION sometimes() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF NEW.event_id % 7 > 0 THEN RETURN NEW; END IF; RETURN NULL; END $$;
			CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO trees.log VALUES (TG_TABLE_NAME, NEW.accepted); RETURN NULL; END $$;
			CREATE FUNCTION notes() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO trees.log SELECT TG_TABLE_NAME, count(*) FROM new_rows; RETURN NULL; END $$;
			CREATE TRIGGER t BEFORE INSERT ON event FOR EACH ROW EXECUTE FUNCTION upper_status(); CREATE TRIGGER t BEFORE INSERT ON notification FOR EACH ROW EXECUTE FUNCTION sometimes();
			CREATE TRIGGER s AFTER INSERT ON notification REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION notes();
			CREATE TRIGGER t AFTER UPDATE OF accepted ON gig_state FOR EACH ROW WHEN (OLD.accepted <> NEW.accepted) EXECUTE FUNCTION note()},
		check => 'SELECT * FROM log' },
	{ name => 'a trigger that is deferred, and one that is disabled', damage => 1, left => { event => 'it has a foreign key or a constraint trigger', gig_state => 'it has a trigger' },
		ddl => q{CREATE FUNCTION never() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF NEW.kind = 'gig.cancelled' THEN RAISE EXCEPTION 'never'; END IF; RETURN NULL; END $$;
			CREATE CONSTRAINT TRIGGER t AFTER INSERT ON event DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION never();
			CREATE TRIGGER t BEFORE UPDATE ON gig_state FOR EACH ROW EXECUTE FUNCTION never(); ALTER TABLE gig_state DISABLE TRIGGER t} },
	{ name => 'what invitation and wave have besides', left => { invitation => 'it has a trigger', wave => 'it has a trigger' },
		ddl => q{CREATE TABLE log (t text, old text, new text); ALTER TABLE log OWNER TO gardener;
			CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO trees.log VALUES (TG_TABLE_NAME || TG_OP, CASE WHEN TG_OP = 'UPDATE' THEN OLD.status END, NEW.status); RETURN NULL; END $$;
			CREATE FUNCTION error() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.error := 'none'; RETURN NEW; END $$;
			CREATE TRIGGER t AFTER INSERT OR UPDATE ON invitation FOR EACH ROW EXECUTE FUNCTION note(); CREATE TRIGGER t BEFORE INSERT ON wave FOR EACH ROW EXECUTE FUNCTION error()},
		check => 'SELECT * FROM log' },
	{ name => 'triggers that change an invitation, and leave it out', left => { invitation => 'it has a trigger' },
		ddl => q{CREATE FUNCTION change() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF NEW.worker_id % 5 = 0 THEN RETURN NULL; END IF; NEW.reason := coalesce(NEW.reason, 'why'); RETURN NEW; END $$;
			CREATE TRIGGER a BEFORE INSERT OR UPDATE ON invitation FOR EACH ROW EXECUTE FUNCTION change()} },
	{ name => 'foreign keys of invitation and wave', fails => 1, left => { map { $_ => 'it has a foreign key or a constraint trigger' } qw(invitation wave) },
		ddl => q{CREATE TABLE origin (name text PRIMARY KEY); INSERT INTO origin VALUES ('wave'), ('attempt'); ALTER TABLE origin OWNER TO gardener; ALTER TABLE invitation ADD FOREIGN KEY (origin) REFERENCES origin;
			ALTER TABLE wave ADD FOREIGN KEY (gig_id) REFERENCES gig} },
	{ name => 'foreign keys of cirro that are deferred', damage => 1, left => { invitation => 'it has a foreign key or a constraint trigger' }, ddl => q{ALTER TABLE invitation ALTER CONSTRAINT invitation_worker_id_fkey DEFERRABLE INITIALLY DEFERRED} },
	{ name => 'no foreign keys', damage => 1, ddl => q{ALTER TABLE invitation DROP CONSTRAINT invitation_worker_id_fkey, DROP CONSTRAINT invitation_gig_id_fkey} },
	{ name => 'generated columns of invitation and wave', left => { invitation => 'a column is generated', wave => 'a column has a domain' },
		ddl => q{ALTER TABLE invitation ADD a text GENERATED ALWAYS AS (upper(status)) STORED; CREATE DOMAIN few AS int DEFAULT 3; ALTER TABLE wave ADD a few} },
	{ name => 'columns of invitation that have defaults', left => { invitation => 'a default is not constant', wave => 'a default is not constant' },
		ddl => q{CREATE SEQUENCE s; ALTER SEQUENCE s OWNER TO gardener; ALTER TABLE invitation ADD a bigint DEFAULT nextval('trees.s'); ALTER TABLE wave ADD a bigint DEFAULT nextval('trees.s')} },
	{ name => 'no unique constraint of gig and worker', damage => 1, left => { invitation => 'a unique constraint is missing' }, ddl => q{ALTER TABLE invitation DROP CONSTRAINT invitation_gig_id_worker_id_key; CREATE INDEX ON invitation (gig_id, worker_id)} },
	{ name => 'another unique constraint of gig and worker', ddl => q{ALTER TABLE invitation DROP CONSTRAINT invitation_gig_id_worker_id_key; CREATE UNIQUE INDEX ON invitation (worker_id, gig_id) INCLUDE (status)} },
	{ name => 'workers in partitions', damage => 1, left => { worker => 'it is not a table of its own' }, ddl => q{CREATE TABLE child () INHERITS (worker); ALTER TABLE child OWNER TO gardener; INSERT INTO child (id, profile, lot) SELECT n, '{}', n FROM generate_series(301, 310) n} },
	{ name => 'a worker table without its primary key', damage => 1, left => { worker => 'its primary key is missing or altered' }, ddl => q{ALTER TABLE invitation DROP CONSTRAINT invitation_worker_id_fkey; ALTER TABLE worker DROP CONSTRAINT worker_pkey; INSERT INTO worker (id, profile, lot) SELECT n, '{}', n FROM generate_series(1, 200, 3) n} },
	{ name => 'an application role', user => 'visitor', damage => 1, little => 1, left => { invitation => 'the role has no right to all of it' },
		ddl => q{GRANT USAGE ON SCHEMA trees TO visitor; GRANT SELECT, INSERT ON gig, worker, invitation TO visitor; GRANT UPDATE (status, reason, silent) ON invitation TO visitor; GRANT UPDATE (total_seats, title) ON gig TO visitor} },
	{ name => 'an application role with policies', user => 'visitor', damage => 1, little => 1, left => { invitation => 'it has row security' },
		ddl => q{GRANT USAGE ON SCHEMA trees TO visitor; GRANT SELECT, INSERT, UPDATE ON gig, worker, invitation TO visitor; ALTER TABLE invitation ENABLE ROW LEVEL SECURITY; CREATE POLICY p ON invitation USING (worker_id % 2 = 0) WITH CHECK (status <> 'rejected')} },
	{ name => 'rules', damage => 1, little => 1, left => { notification => 'it has a rule', gig_state => 'it has a rule' },
		ddl => q{CREATE TABLE log (n bigint); ALTER TABLE log OWNER TO gardener; CREATE RULE r AS ON INSERT TO notification DO ALSO INSERT INTO trees.log VALUES (NEW.event_id);
			CREATE RULE r AS ON UPDATE TO gig_state WHERE NEW.accepted > 1000 DO INSTEAD NOTHING}, check => 'SELECT count(*) FROM log' },
	{ name => 'foreign keys of the application', fails => 1, left => { map { $_ => 'it has a foreign key or a constraint trigger' } qw(event gig_state) },
		ddl => q{CREATE TABLE kind (name text PRIMARY KEY); INSERT INTO kind SELECT k FROM unnest(cirro.event_kinds()) k WHERE k <> 'gig.filled'; ALTER TABLE kind OWNER TO gardener; ALTER TABLE event ADD FOREIGN KEY (kind) REFERENCES kind;
			ALTER TABLE event ADD FOREIGN KEY (gig_id) REFERENCES gig ON DELETE CASCADE; ALTER TABLE notification ADD FOREIGN KEY (event_id) REFERENCES event ON DELETE CASCADE;
			CREATE TABLE n (n int PRIMARY KEY); INSERT INTO n SELECT generate_series(0, 50); ALTER TABLE n OWNER TO gardener; ALTER TABLE gig_state ADD FOREIGN KEY (accepted) REFERENCES n} },
	{ name => 'defaults that are not constant', left => { event => 'a default is not constant' },
		ddl => q{CREATE SEQUENCE s; ALTER SEQUENCE s OWNER TO gardener; ALTER TABLE event ADD a bigint DEFAULT nextval('trees.s'), ADD took text DEFAULT random()::text; ALTER TABLE notification ADD by name DEFAULT current_user} },
	{ name => 'functions of the application', left => { event => 'a check calls a function', gig_state => 'an index calls a function' },
		ddl => q{CREATE FUNCTION f(text) RETURNS boolean IMMUTABLE LANGUAGE plpgsql AS $$ BEGIN RETURN $1 <> 'x'; END $$; ALTER TABLE event ADD CHECK (f(kind)); CREATE INDEX ON notification (f(consumer)); CREATE INDEX ON gig_state (gig_id) WHERE f(accepted::text)} },
	{ name => 'a function of the application in a default', left => { event => 'a default calls a function' },
		ddl => q{CREATE FUNCTION f() RETURNS int IMMUTABLE LANGUAGE sql AS 'SELECT 5'; ALTER TABLE event ADD a int DEFAULT f()} },
	{ name => 'generated columns and domains', damage => 1, left => { event => 'a column is generated', gig_state => 'a column is generated' },
		ddl => q{ALTER TABLE event ADD a text GENERATED ALWAYS AS (upper(kind)) STORED; ALTER TABLE gig_state ADD a int GENERATED ALWAYS AS (accepted + target) STORED;
			CREATE DOMAIN few AS int DEFAULT 3 CHECK (VALUE < 5); ALTER TABLE notification ADD a few} },
	{ name => 'a domain in place of a type', fails => 1, left => { event => 'a column has another type', gig_state => 'a column has another type' },
		ddl => q{CREATE DOMAIN word AS text CHECK (VALUE <> 'left'); DROP VIEW worker_invitation, gig_status, worker_gig; ALTER TABLE event ALTER status TYPE word; ALTER TABLE gig_state ALTER released TYPE numeric} },
	{ name => 'types with modifiers', left => { event => 'a default is not constant', gig_state => 'a column has another type' },
		ddl => q{DROP VIEW worker_invitation, gig_status, worker_gig; ALTER TABLE event ALTER at TYPE timestamptz(0); ALTER TABLE gig_state ALTER next_wave_at TYPE timestamptz(0), ALTER next_event_at TYPE timestamptz(0);} },
	{ name => 'another collation', needs => q{SELECT FROM pg_collation WHERE collname = 'und-x-icu'}, left => { consumer => 'a column has another collation' }, ddl => q{ALTER TABLE consumer ALTER name TYPE text COLLATE "und-x-icu"} },
	{ name => 'exclusion and deferrable constraints', fails => 1, left => { event => 'it has an exclusion constraint', gig_state => 'it has a deferrable constraint' },
		ddl => q{ALTER TABLE event ADD EXCLUDE (kind WITH =) WHERE (kind = 'gig.filled'); ALTER TABLE gig_state ADD CONSTRAINT once UNIQUE (gig_id, accepted) DEFERRABLE;
			ALTER TABLE notification ADD CONSTRAINT late UNIQUE (consumer, event_id) DEFERRABLE INITIALLY DEFERRED} },
	{ name => 'a unique constraint in place of the primary key', left => { gig_state => 'its primary key is missing or altered' }, ddl => q{ALTER TABLE gig_state DROP CONSTRAINT gig_state_pkey; ALTER TABLE gig_state ADD UNIQUE (gig_id)} },
	{ name => 'a primary key of more columns', left => { gig_state => 'its primary key is missing or altered' }, ddl => q{ALTER TABLE gig_state DROP CONSTRAINT gig_state_pkey; ALTER TABLE gig_state ADD PRIMARY KEY (gig_id, waves)} },
	{ name => 'no primary key', damage => 1, left => { gig_state => 'its primary key is missing or altered' }, ddl => q{ALTER TABLE gig_state DROP CONSTRAINT gig_state_pkey; ALTER TABLE event DROP CONSTRAINT event_pkey; ALTER TABLE notification DROP CONSTRAINT notification_pkey} },
	{ name => 'partitions', damage => 1, left => { event => 'it is not a table of its own' },
		ddl => q{ALTER TABLE event RENAME TO old; CREATE TABLE event (LIKE old INCLUDING DEFAULTS, CHECK (kind <> 'gig.none')) PARTITION BY RANGE (id); ALTER TABLE event OWNER TO gardener; CREATE SEQUENCE event_s;
			ALTER SEQUENCE event_s OWNER TO gardener; ALTER TABLE event ALTER id SET DEFAULT nextval('trees.event_s'); CREATE TABLE e1 PARTITION OF event FOR VALUES FROM (0) TO (300); CREATE TABLE e2 PARTITION OF event DEFAULT;
			ALTER TABLE e1 OWNER TO gardener; ALTER TABLE e2 OWNER TO gardener},
		check => 'SELECT count(*) FROM event; SELECT count(*) FROM e1' },
	{ name => 'a table in the place of a partition', damage => 1, left => { notification => 'it is not a table of its own' },
		ddl => q{CREATE TABLE every (LIKE notification INCLUDING DEFAULTS) PARTITION BY LIST (consumer); ALTER TABLE every ATTACH PARTITION notification FOR VALUES IN ('all', 'default', 'seats', 'Answers')} },
	{ name => 'inheritance; an access method that is heap by another name', left => { map { $_ => 'it is not a table of its own' } qw(event gig_state) },
		ddl => q{CREATE TABLE child () INHERITS (event); CREATE TABLE child_state () INHERITS (gig_state); CREATE ACCESS METHOD heap_too TYPE TABLE HANDLER heap_tableam_handler;
			CREATE TABLE new (LIKE notification INCLUDING ALL) USING heap_too; ALTER TABLE new OWNER TO gardener; ALTER TABLE notification RENAME TO old; ALTER TABLE new RENAME TO notification} },
	{ name => 'other identities', left => { event => 'its key is not an identity' },
		ddl => q{ALTER TABLE event ALTER id DROP IDENTITY; CREATE SEQUENCE own; ALTER SEQUENCE own OWNER TO gardener; ALTER TABLE event ALTER id SET DEFAULT nextval('trees.own'); ALTER TABLE notification ALTER id SET GENERATED ALWAYS} },
	{ name => 'an identity that ends', fails => 1, ddl => q{ALTER TABLE event ALTER id SET MAXVALUE 300} },
	{ name => 'triggers of cirro disabled', damage => 1, little => 1, user => 'postgres', left => { invitation => 'it has a trigger' }, ddl => q{ALTER TABLE invitation DISABLE TRIGGER USER} },
	{ name => 'a trigger of cirro missing', damage => 1, little => 1, ddl => q{DROP TRIGGER cirro_inserted ON invitation} },
	{ name => 'a replica', damage => 1, little => 1, user => 'postgres', replication_role => 'replica', left => { invitation => 'triggers rest on a replica' } },
	{ name => 'a replica where the triggers fire', user => 'postgres', damage => 1, replication_role => 'replica', left => { map { $_ => 'triggers rest on a replica' } qw(event gig_state invitation wave) },
		ddl => join ';', map { my $t = $_; map { "ALTER TABLE $t ENABLE ALWAYS TRIGGER $_" } $t eq 'gig' ? qw(cirro_check cirro_inserted cirro_updated) : qw(cirro_check cirro_inserted cirro_updated cirro_deleted) } qw(gig invitation) },
	{ name => 'an extension that is called citus', needs => q{SELECT FROM pg_available_extensions WHERE name = 'citus' AND default_version = '1.0'}, ddl => 'CREATE EXTENSION citus',
		left => { map { $_ => 'Citus may have distributed it' } qw(consumer gig gig_state invitation wave worker) } },
	{ name => 'REPEATABLE READ', isolation => 'repeatable read', left => { map { $_ => 'the snapshot outlives the statement' } qw(gig gig_state invitation worker) } },
	{ name => 'SERIALIZABLE', isolation => 'serializable', left => { map { $_ => 'the snapshot outlives the statement' } qw(gig gig_state invitation worker) } },
	{ name => 'an owner who may not write', fails => 1, left => { map { $_ => 'the role has no right to all of it' } qw(event gig_state) },
		ddl => 'REVOKE INSERT ON event FROM gardener; REVOKE UPDATE ON gig_state FROM gardener; GRANT UPDATE (accepted, next_wave_at, next_event_at, released, slept_in, awaits_room, waiting) ON gig_state TO gardener' },
	{ name => 'an owner who may not read events', fails => 1, left => { event => 'the role has no right to all of it' }, ddl => 'REVOKE SELECT ON event FROM gardener' },
	{ name => 'an owner who may not read consumers', fails => 1, left => { consumer => 'the role has no right to all of it' }, ddl => 'REVOKE SELECT ON consumer FROM gardener, PUBLIC' },
	{ name => 'an owner who may not write notifications', fails => 1, left => { notification => 'the role has no right to all of it' }, ddl => 'REVOKE INSERT ON notification FROM gardener' },
	{ name => 'an owner who may not use the schema', damage => 1, little => 1, ddl => 'REVOKE ALL ON SCHEMA trees FROM gardener' },
	{ name => 'a Space without event', fails => 1, ddl => 'DROP TABLE event' },
	{ name => 'a Space without consumer', fails => 1, ddl => 'DROP TABLE consumer' },
	{ name => 'a Space without columns', fails => 1, left => { event => 'a column is missing', gig_state => 'a column is missing' }, ddl => 'ALTER TABLE event DROP previous; ALTER TABLE gig_state DROP released' },
	{ name => 'a view in place of a table', damage => 1, left => { consumer => 'it is not a table of its own' }, ddl => 'ALTER TABLE consumer RENAME TO c; CREATE VIEW consumer AS SELECT * FROM c; ALTER VIEW consumer OWNER TO gardener' },
	{ name => 'nulls that no Space has', damage => 1, fails => 1, ddl => q{ALTER TABLE gig_state ALTER target DROP NOT NULL, ALTER frequency DROP NOT NULL;
		CREATE FUNCTION nulls() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.frequency := NULL; RETURN NEW; END $$; CREATE TRIGGER t BEFORE INSERT ON gig_state FOR EACH ROW EXECUTE FUNCTION nulls()} },
);

# One session that keeps what it knows of the tables, while they are changed: by
# another session, by itself, and by itself in the same transaction. Each change is undone again; before it, after it
# and after its undoing there is an answer by function and by UPDATE, and a wave.
my @changes = (
	[ 'a column more', 'ALTER TABLE trees.event ADD c int DEFAULT 5', 'ALTER TABLE trees.event DROP c' ],
	[ 'a column less', 'ALTER TABLE trees.event DROP status', 'ALTER TABLE trees.event ADD status text' ],
	[ 'other defaults', 'ALTER TABLE trees.notification ALTER attempts SET DEFAULT 1; ALTER TABLE trees.event ALTER payload SET DEFAULT $j${"a": 1}$j$; ALTER TABLE trees.wave ALTER error SET DEFAULT $j$none$j$, ALTER held_back SET DEFAULT 7; ALTER TABLE trees.invitation ALTER reason SET DEFAULT $j$why$j$, ALTER responded_at SET DEFAULT $j$2030-01-01 00:00+00$j$', 'ALTER TABLE trees.notification ALTER attempts SET DEFAULT 0; ALTER TABLE trees.event ALTER payload DROP DEFAULT; ALTER TABLE trees.wave ALTER error DROP DEFAULT, ALTER held_back DROP DEFAULT; ALTER TABLE trees.invitation ALTER reason DROP DEFAULT, ALTER responded_at DROP DEFAULT' ],
	[ 'a default that is not constant', q{ALTER TABLE trees.event ADD v bigint DEFAULT nextval('public.extra')}, 'ALTER TABLE trees.event DROP v' ],
	[ 'a check of event', 'ALTER TABLE trees.event ADD CONSTRAINT c CHECK (gig_id < 0) NOT VALID', 'ALTER TABLE trees.event DROP CONSTRAINT c' ],
	[ 'a check of gig_state', 'ALTER TABLE trees.gig_state ADD CONSTRAINT c CHECK (accepted < 0) NOT VALID', 'ALTER TABLE trees.gig_state DROP CONSTRAINT c' ],
	[ 'a check of invitation', q{ALTER TABLE trees.invitation ADD CONSTRAINT c CHECK (status = 'pending' AND worker_id % 2 = 0) NOT VALID}, 'ALTER TABLE trees.invitation DROP CONSTRAINT c' ],
	[ 'a check of wave', 'ALTER TABLE trees.wave ADD CONSTRAINT c CHECK (wanted < 0 OR error IS NOT NULL) NOT VALID', 'ALTER TABLE trees.wave DROP CONSTRAINT c' ],
	[ 'NOT NULL', 'ALTER TABLE trees.notification ADD c int; ALTER TABLE trees.notification ADD CONSTRAINT c CHECK (c IS NOT NULL) NOT VALID', 'ALTER TABLE trees.notification DROP c' ],
	[ 'an index', 'CREATE INDEX c ON trees.event (kind, status)', 'DROP INDEX trees.c' ],
	[ 'an index on what gig_state changes', 'CREATE INDEX c ON trees.gig_state (accepted)', 'DROP INDEX trees.c' ],
	[ 'a unique index', 'DELETE FROM trees.notification; CREATE UNIQUE INDEX c ON trees.notification (consumer)', 'DROP INDEX trees.c' ],
	[ 'an index of another', 'CREATE INDEX CONCURRENTLY c ON trees.event (lower(kind))', 'DROP INDEX CONCURRENTLY trees.c' ],
	[ 'indexes made anew', 'REINDEX TABLE CONCURRENTLY trees.event', 'REINDEX TABLE trees.gig_state' ],
	[ 'indexes made anew of invitation', 'REINDEX TABLE CONCURRENTLY trees.invitation', 'REINDEX TABLE CONCURRENTLY trees.notification' ],
	[ 'tables made anew', 'CLUSTER trees.event USING event_pkey', 'ALTER TABLE trees.event SET WITHOUT CLUSTER' ],
	[ 'tables that become unlogged', 'ALTER TABLE trees.notification SET UNLOGGED', 'ALTER TABLE trees.notification SET LOGGED' ],
	[ 'a trigger of event', 'CREATE TRIGGER t BEFORE INSERT ON trees.event FOR EACH ROW EXECUTE FUNCTION public.louder()', 'DROP TRIGGER t ON trees.event' ],
	[ 'a trigger of gig_state', 'CREATE TRIGGER t BEFORE UPDATE ON trees.gig_state FOR EACH ROW EXECUTE FUNCTION public.same()', 'DROP TRIGGER t ON trees.gig_state' ],
	[ 'a trigger of invitation', 'CREATE TRIGGER t BEFORE INSERT OR UPDATE ON trees.invitation FOR EACH ROW EXECUTE FUNCTION public.same()', 'DROP TRIGGER t ON trees.invitation' ],
	[ 'the triggers of cirro disabled', 'ALTER TABLE trees.invitation DISABLE TRIGGER cirro_check', 'ALTER TABLE trees.invitation ENABLE TRIGGER cirro_check' ],
	[ 'a rule', 'CREATE RULE r AS ON INSERT TO trees.wave WHERE new.number < 0 DO INSTEAD NOTHING', 'DROP RULE r ON trees.wave' ],
	[ 'row security', 'ALTER TABLE trees.event ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', 'ALTER TABLE trees.event DISABLE ROW LEVEL SECURITY, NO FORCE ROW LEVEL SECURITY' ],
	[ 'no identity', q{ALTER TABLE trees.event ALTER id DROP IDENTITY; ALTER TABLE trees.event ALTER id SET DEFAULT nextval('public.extra') + 1000000},
		'ALTER TABLE trees.event ALTER id DROP DEFAULT; ALTER TABLE trees.event ALTER id ADD GENERATED BY DEFAULT AS IDENTITY; DELETE FROM trees.event; DELETE FROM trees.notification' ],
	[ 'another type', 'ALTER TABLE trees.event ALTER gig_id TYPE numeric', 'ALTER TABLE trees.event ALTER gig_id TYPE bigint' ],
	[ 'another primary key', 'ALTER TABLE trees.gig_state DROP CONSTRAINT gig_state_pkey; ALTER TABLE trees.gig_state ADD UNIQUE (gig_id)', 'ALTER TABLE trees.gig_state DROP CONSTRAINT gig_state_gig_id_key; ALTER TABLE trees.gig_state ADD PRIMARY KEY (gig_id)' ],
	[ 'another table', 'ALTER TABLE trees.event RENAME TO old; CREATE TABLE trees.event (LIKE trees.old INCLUDING ALL); ALTER TABLE trees.event OWNER TO gardener', 'DROP TABLE trees.event; ALTER TABLE trees.old RENAME TO event' ],
	[ 'another table of workers, to which no foreign key refers', 'ALTER TABLE trees.worker RENAME TO old; CREATE TABLE trees.worker (LIKE trees.old INCLUDING ALL); ALTER TABLE trees.worker OWNER TO gardener; INSERT INTO trees.worker (id, profile, lot) SELECT n, $j${}$j$, n FROM generate_series(5001, 5005) n',
		'DROP TABLE trees.worker; ALTER TABLE trees.old RENAME TO worker' ],
	[ 'other rights', 'REVOKE INSERT ON trees.event FROM gardener', 'GRANT INSERT ON trees.event TO gardener' ],
	[ 'other rights on gig_state', 'REVOKE UPDATE ON trees.gig_state FROM gardener', 'GRANT UPDATE ON trees.gig_state TO gardener' ],
	[ 'another name of the schema', 'ALTER SCHEMA trees RENAME TO woods', 'ALTER SCHEMA woods RENAME TO trees' ],
	[ 'another consumer', q{INSERT INTO trees.consumer (name) VALUES ('more')}, q{DELETE FROM trees.consumer WHERE name = 'more'} ],
);
# Only a superuser can.
my @of_others = (
	[ 'another owner', 'ALTER TABLE trees.event OWNER TO postgres', 'ALTER TABLE trees.event OWNER TO gardener' ],
	[ 'another clock', 'CREATE OR REPLACE FUNCTION cirro.now() RETURNS timestamptz STABLE PARALLEL SAFE LANGUAGE sql AS $f$SELECT timestamptz $$2031-01-01 00:00+00$$$f$',
		'CREATE OR REPLACE FUNCTION cirro.now() RETURNS timestamptz STABLE PARALLEL SAFE LANGUAGE c AS $f$$libdir/cirro$f$, $f$cirro_sql_now$f$' ],
	[ 'the Space dropped', q{SELECT cirro.drop_space('trees')}, q{SET cirro.clock = '2030-01-01 12:00+00'; SELECT public.begin_space()} ],
);

sub life_of_changes
{
	my ($by_another, $in_block) = @_;
	my $sql = lib('two_ways_changes.sql') . "\\set ON_ERROR_ROLLBACK on\n";
	my $calls = q{
SELECT a.status, a.worker_id, a.revision FROM (SELECT min(id) AS id FROM invitation WHERE status = 'pending' AND gig_id = 1) i, accept(i.id) a;
UPDATE invitation SET status = 'rejected', reason = 'no' WHERE id = (SELECT min(id) FROM invitation WHERE status = 'pending' AND gig_id = 1) RETURNING worker_id, revision;
SELECT outcome, invited, regexp_replace(error, '\\d', 'N', 'g') FROM run_wave(2);
SELECT count(*) FROM event; SELECT to_jsonb(e) - '{id,invitation_id}'::text[] FROM event e ORDER BY e.id DESC LIMIT 1;
SELECT count(*) FROM notification; SELECT to_jsonb(n) - '{id,event_id,due_at}'::text[] FROM notification n ORDER BY n.id DESC LIMIT 1;
};

	for my $change (@changes, $by_another ? @of_others : ())
	{
		my ($what, @steps) = @$change;

		next if $in_block && "@steps" =~ /CONCURRENTLY/;
		$sql .= "\\echo == $what\n" . ($in_block ? 'BEGIN;' : '') . $calls;
		for my $step (@steps)
		{
			if ($by_another)
			{
				$sql .= join '', map { my $s = $_; $s =~ s/'/'\\''/g; "\\! psql -X -q -v ON_ERROR_STOP=1 -U postgres -d \$DB -c '$s' >/dev/null || echo FAILED\n" } split /; /, $step;
			}
			else
			{
				$sql .= "$step;\n";
			}
			$sql .= $calls;
		}
		$sql .= "COMMIT;\n" if $in_block;
	}
	return "$sql\nSELECT pg_stat_force_next_flush();\nSELECT 1;\n";
}

push @cases, map { my $by = $_; { name => "changes by $by", life => life_of_changes($by eq 'another session', $by =~ /transaction/), fails => 1, keeps => 1, left => {
	event => 'a column has another type, a column is missing, a default is not constant, it has a trigger, its key is not an identity, the role has no right to all of it',
	gig_state => 'it has a trigger, its primary key is missing or altered, the role has no right to all of it', 
	invitation => 'it has a foreign key or a constraint trigger, it has a trigger, it is not there', wave => 'it has a rule' } } } ('another session', 'itself', 'itself in one transaction');

my $wanted = $ENV{CASES} // '';
for my $case (grep { $_->{name} =~ /$wanted/ } @cases)
{
	if ($case->{needs} && $node->safe_psql('postgres', "SELECT EXISTS ($case->{needs})") eq 'f')
	{
		diag("without the case: $case->{name}");
		next;
	}
	compare($case);
}

done_testing();
