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
$node->append_conf('postgresql.conf', "fsync = off\nsynchronous_commit = off\nautovacuum = off\nwal_level = logical\n"
	. "max_prepared_transactions = 10\nmax_replication_slots = 10\nlog_statement = none");
$node->start;
$node->safe_psql('postgres', 'CREATE ROLE gardener LOGIN; GRANT SET ON PARAMETER cirro.clock TO gardener; CREATE DATABASE made');

sub lib { return slurp_file("$FindBin::RealBin/lib/$_[0]") }
my $life = lib('two_ways_life.sql');
$node->safe_psql('made', lib('two_ways_made.sql'));

# What the two ways may differ in: the wall clock, and transaction ids.
my @own = qw(due_at took changed_in searched searched_on released uid cleaned_at);

# Everything that a life has left in a database, as one text for each aspect.
sub left
{
	my ($db) = @_;
	my $without = join ' ', map { "- '$_'" } @own;
	my %left;

	for my $table (qw(setting worker gig gig_filter gig_state invitation wave attempt event consumer notification))
	{
		$left{"rows of $table"} = $node->safe_psql($db, "SET timezone = 'UTC';
			SELECT to_jsonb(t) $without FROM ONLY trees.$table t ORDER BY 1") if exists_in($db, $table);
	}
	$left{'transaction ids'} = $node->safe_psql($db, q{
		SELECT to_jsonb(s)->>'gig_id', to_jsonb(s)->'searched' = 'null', to_jsonb(s)->'released' = 'null' FROM trees.gig_state s ORDER BY 1;
		SELECT count(*) FROM trees.notification n WHERE NOT (to_jsonb(n)->>'due_at')::timestamptz BETWEEN now() - interval '1 h' AND now() + interval '1 h'});
	$left{'sequences'} = $node->safe_psql($db,
		q{SELECT sequencename, last_value FROM pg_sequences WHERE schemaname = 'trees' ORDER BY 1});
	$left{'counters'} = $node->safe_psql($db, q{
		SELECT relname, n_tup_ins, n_tup_upd, n_tup_hot_upd, n_tup_del, n_live_tup FROM pg_stat_user_tables WHERE schemaname = 'trees' ORDER BY 1});
	$left{'consistency'} = ($node->psql($db, q{SET cirro.clock = '2030-01-03 12:30+00'; SELECT * FROM trees.check_consistency()}))[1] // '';
	return \%left;
}

sub exists_in
{
	my ($db, $table) = @_;
	return $node->safe_psql($db, "SELECT to_regclass('trees.$table') IS NOT NULL") eq 't';
}

# What logical decoding tells, transaction by transaction; of each table in its
# order, for a statement writes two of them in turns.
sub decoded
{
	my ($db) = @_;
	my $own = join '|', @own;
	my @told;
	my %of;

	for my $line (split /\n/, $node->safe_psql($db, "SELECT data FROM pg_logical_slot_get_changes('$db', NULL, NULL,
		'include-xids', '0', 'skip-empty-xacts', '1') WHERE data !~ '^table public\\.'"))
	{
		if ($line =~ /^table (\S+):/)
		{
			my $table = $1;
			$line =~ s/ (?:$own)\[[^]]*\]:(?:'[^']*'|\S+)//g;
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

sub lead
{
	my ($case, $db) = @_;
	my ($stdout, $stderr) = ('', '');

	$node->safe_psql('postgres', "CREATE DATABASE $db TEMPLATE made");
	$node->safe_psql('postgres', "ALTER DATABASE $db SET cirro.direct_writes = off") if $db eq 'statements';
	$node->safe_psql($db, "SET client_min_messages = warning; SET search_path = trees, public; $case->{ddl}") if $case->{ddl};
	$node->safe_psql($db, "SELECT pg_create_logical_replication_slot('$db', 'test_decoding')");
	$node->psql($db, ($case->{set} // '') . "\nSET client_min_messages = debug1;\n$life", stdout => \$stdout, stderr => \$stderr,
		on_error_stop => 0, extra_params => [ '-U', $case->{user} // 'gardener' ]);
	my %ways;
	$ways{$1}{$2}++ while $stderr =~ /^.*DEBUG:  table "(\S+)" is left to statements: (.*)$/mg;
	$stderr =~ s/^psql:<stdin>:\d+: //mg;
	my $told = join "\n", grep { !/^DEBUG:/ } split /\n/, $stderr;
	my $left = left($db);
	$left->{'what is said'} = $stdout;
	$left->{'errors and notices'} = $told;
	$left->{'logical decoding'} = decoded($db);
	my $damaged = $node->safe_psql($db, q{
		SELECT c.relname, bt_index_check(c.oid, true) FROM pg_class c JOIN pg_index i ON i.indexrelid = c.oid
		WHERE c.relnamespace = 'trees'::regnamespace AND c.relkind = 'i' AND c.relam = (SELECT oid FROM pg_am WHERE amname = 'btree')
			AND i.indisvalid AND i.indisready \g /dev/null
		SELECT c.relname, v.* FROM pg_class c CROSS JOIN LATERAL verify_heapam(c.oid) v
		WHERE c.relnamespace = 'trees'::regnamespace AND c.relkind = 'r' AND c.relam = (SELECT oid FROM pg_am WHERE amname = 'heap')});
	is($damaged, '', "$case->{name}: tables and indexes of $db are sound");
	$left->{'the check of the case'} = $node->safe_psql($db, "SET search_path = trees, public; SET enable_seqscan = off; $case->{check}") if $case->{check};
	$node->safe_psql($db, "SELECT pg_drop_replication_slot('$db')");
	$node->safe_psql('postgres', "DROP DATABASE $db");
	return ($left, { map { $_ => join ', ', sort keys %{ $ways{$_} } } keys %ways });
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
	my ($direct, $way) = lead($case, 'direct');
	my ($statements, $other) = lead($case, 'statements');
	if ($ENV{DUMP})
	{
		open my $f, ">", $ENV{DUMP}; print $f map { "== $_\n$direct->{$_}\n" } sort keys %$direct; close $f;
	}

	for my $aspect (sort keys %$statements)
	{
		ok($direct->{$aspect} eq $statements->{$aspect}, "$case->{name}: $aspect")
			or diag difference($direct->{$aspect}, $statements->{$aspect});
	}
	is_deeply($way, $case->{left} // {}, "$case->{name}: the way taken") or diag explain $way;
	is_deeply($other, {}, "$case->{name}: nothing is said where the setting is off");
	if (!$case->{damage})
	{
		is($direct->{consistency}, '', "$case->{name}: consistent");
		cmp_ok(length $direct->{'logical decoding'}, '>', 10000, "$case->{name}: much has happened") if !$case->{no_decoding};
	}
}

# What an application does to the tables of a Space; which of them are then left to
# statements, and why; what is to be seen in the end besides (check), by the index if
# it is of one.
my @cases = (
	{ name => 'as it is made' },
	{ name => 'a superuser', user => 'postgres' },
	{ name => 'columns with NULL and constant defaults',
		ddl => q{ALTER TABLE event ADD a text, ADD b int DEFAULT 7, ADD c text[] NOT NULL DEFAULT '{x,y}', ADD d varchar(3) DEFAULT 'abc', ADD e numeric(5,2) DEFAULT 1.005;
			ALTER TABLE notification ADD a text DEFAULT repeat('x', 5), ADD b timestamptz DEFAULT '2030-01-01 00:00+00';
			ALTER TABLE gig_state ADD a text DEFAULT 'state', ADD b int; ALTER TABLE invitation ADD a text DEFAULT 'i', ADD b jsonb DEFAULT '{"a": 1}';
			ALTER TABLE wave ADD a text DEFAULT 'w', ADD b int; ALTER TABLE consumer ADD a text; ALTER TABLE worker ADD a int DEFAULT 3},
		check => q{SELECT count(*) FROM event WHERE (a, b, c, d, e) IS NOT DISTINCT FROM (NULL::text, 7, '{x,y}'::text[], 'abc'::text, 1.01)} },
	{ name => 'defaults that are the clock', ddl => q{ALTER TABLE event ADD a timestamptz NOT NULL DEFAULT cirro.now(); ALTER TABLE invitation ADD a timestamptz DEFAULT cirro.now()},
		check => q{SELECT count(*) FROM event WHERE a = at} },
	{ name => 'columns dropped and others of any name',
		ddl => q{ALTER TABLE event ADD gone text DEFAULT 'gone', ADD stays text DEFAULT 'stays'; ALTER TABLE event DROP gone;
			ALTER TABLE gig_state ADD gone text DEFAULT 'gone', ADD stays text DEFAULT 'stays'; ALTER TABLE gig_state DROP gone;
			ALTER TABLE invitation ADD gone int DEFAULT 1, ADD "status " text DEFAULT 's', ADD consumer text; ALTER TABLE invitation DROP gone;
			ALTER TABLE wave ADD gone int DEFAULT 1, ADD stays int DEFAULT 2; ALTER TABLE wave DROP gone;
			ALTER TABLE notification ADD kind text, ADD gone int; ALTER TABLE notification DROP gone} },
	{ name => 'wide columns',
		ddl => q{DO $$ BEGIN EXECUTE format('ALTER TABLE event ADD wide text DEFAULT %L', (SELECT string_agg(md5(n::text), '') FROM generate_series(1, 200) n));
			EXECUTE format('ALTER TABLE gig_state ADD wide text DEFAULT %L', (SELECT string_agg(md5(n::text), '') FROM generate_series(1, 200) n)) ;
			EXECUTE format('ALTER TABLE invitation ADD wide text DEFAULT %L', (SELECT string_agg(md5(n::text), '') FROM generate_series(1, 200) n)) ; END $$},
		check => 'SELECT count(*), min(length(wide)), max(length(wide)), count(DISTINCT wide) FROM event' },
	{ name => 'checks and NOT NULL that hold',
		ddl => q{ALTER TABLE event ADD CHECK (revision > 0), ADD CHECK (upper(kind) <> kind), ALTER status SET STATISTICS 10;
			ALTER TABLE notification ADD CONSTRAINT late CHECK (attempts < 100) NOT VALID;
			ALTER TABLE gig_state ADD CHECK (accepted >= 0), ADD CHECK (accepted <= 1000 AND next_wave_at IS DISTINCT FROM last_due_at + interval '1 ms');
			ALTER TABLE invitation ADD CHECK (times_invited < 100); ALTER TABLE wave ADD CHECK (invited < 1000)} },
	{ name => 'a check of event that fails', ddl => q{ALTER TABLE event ADD CONSTRAINT few CHECK (status <> 'left'), ADD CONSTRAINT start CHECK (kind <> 'gig.started')}, damage => 1 },
	{ name => 'a check of notification that fails', ddl => q{ALTER TABLE notification ADD CONSTRAINT few CHECK (event_id < 700)}, damage => 1 },
	{ name => 'a check of gig_state that fails', ddl => q{ALTER TABLE gig_state ADD CONSTRAINT few CHECK (accepted < 3)}, damage => 1 },
	{ name => 'a check of invitation that fails', ddl => q{ALTER TABLE invitation ADD CONSTRAINT few CHECK (worker_id <> 150 AND status <> 'left')}, damage => 1 },
	{ name => 'a check of wave that fails', ddl => q{ALTER TABLE wave ADD CONSTRAINT few CHECK (invited <> 6)}, damage => 1 },
	{ name => 'NOT NULL that fails', ddl => q{ALTER TABLE event ALTER revision SET NOT NULL, ADD must text}, damage => 1 },
	{ name => 'a column that must be given', ddl => q{ALTER TABLE notification ADD must text NOT NULL}, damage => 1, no_decoding => 1 },
	{ name => 'indexes of every kind',
		ddl => q{CREATE UNIQUE INDEX ON event (id, kind); CREATE INDEX ON event (lower(kind), (gig_id + 1)) WHERE worker_id IS NOT NULL;
			CREATE INDEX ON event USING gin (payload); CREATE INDEX brin ON event USING brin (at, id) WITH (pages_per_range = 1); CREATE INDEX ON event USING hash (gig_id);
			CREATE INDEX ON event (kind) INCLUDE (status); CREATE UNIQUE INDEX ON notification (consumer, event_id);
			CREATE INDEX ON notification USING gin (to_tsvector('english'::regconfig, consumer)); CREATE INDEX ON notification USING spgist (consumer);
			CREATE INDEX ON gig_state USING brin (accepted); CREATE INDEX ON gig_state (released, accepted) WHERE accepted > 1; CREATE INDEX ON gig_state ((accepted * 2));
			CREATE INDEX ON invitation USING gist (tstzrange(invited_at, responded_at)); CREATE INDEX ON invitation USING hash (status);
			CREATE INDEX ON invitation ((status || 'x')) WHERE wave_id IS NOT NULL; CREATE INDEX ON invitation USING brin (id); CREATE INDEX ON wave (outcome)},
		check => q{SET enable_seqscan = off; SELECT count(*) FROM event WHERE kind = 'invitation.created'; SELECT count(*) FROM event WHERE lower(kind) = 'invitation.updated' AND gig_id + 1 = 4 AND worker_id IS NOT NULL;
			SELECT count(*) FROM event WHERE payload @> '{"gig": {}}'; SELECT count(*) FROM event WHERE at >= '2030-01-01 12:10+00' AND id > 1;
			SELECT count(*) FROM event WHERE gig_id = 3; SELECT count(*) FROM notification WHERE to_tsvector('english'::regconfig, consumer) @@ 'all'::tsquery;
			SELECT count(*) FROM notification WHERE consumer = 'all'; SELECT count(*) FROM gig_state WHERE accepted >= 1; SELECT count(*) FROM gig_state WHERE accepted * 2 = 2;
			SELECT count(*) FROM invitation WHERE status = 'accepted'; SELECT count(*) FROM invitation WHERE tstzrange(invited_at, responded_at) @> '2030-01-01 12:06+00'::timestamptz;
			SELECT count(*) FROM invitation WHERE status || 'x' = 'pendingx' AND wave_id IS NOT NULL; SELECT count(*) FROM invitation WHERE id > 100; SELECT count(*) FROM wave WHERE outcome = 'invited'} },
	{ name => 'a unique index of event that is violated', ddl => q{CREATE UNIQUE INDEX once ON event (gig_id, worker_id, revision) WHERE kind = 'invitation.updated' AND worker_id IN (1, 10, 125); ALTER TABLE event ALTER status SET DEFAULT 'x';
		CREATE UNIQUE INDEX twice ON event (worker_id) WHERE worker_id IN (12, 130)}, damage => 1 },
	{ name => 'a unique index of notification that is violated', ddl => q{CREATE UNIQUE INDEX once ON notification ((event_id % 50), consumer)}, damage => 1, no_decoding => 1 },
	{ name => 'a unique index of gig_state that is violated', ddl => q{CREATE UNIQUE INDEX once ON gig_state (accepted) WHERE accepted > 1}, damage => 1 },
	{ name => 'a unique index of invitation that is violated', ddl => q{CREATE UNIQUE INDEX once ON invitation (worker_id) WHERE worker_id IN (1, 5, 33, 77)}, damage => 1 },
	{ name => 'a unique index of wave that is violated', ddl => q{CREATE UNIQUE INDEX once ON wave (gig_id) WHERE gig_id IN (4, 6)}, damage => 1 },
	{ name => 'a unique index without distinct nulls', ddl => q{CREATE UNIQUE INDEX once ON event (kind, gig_id, worker_id, status, revision) NULLS NOT DISTINCT} , damage => 1 },
	{ name => 'row security', ddl => q{ALTER TABLE event ENABLE ROW LEVEL SECURITY; ALTER TABLE notification ENABLE ROW LEVEL SECURITY; ALTER TABLE consumer ENABLE ROW LEVEL SECURITY;
		ALTER TABLE gig_state ENABLE ROW LEVEL SECURITY; ALTER TABLE invitation ENABLE ROW LEVEL SECURITY; ALTER TABLE wave ENABLE ROW LEVEL SECURITY; ALTER TABLE worker ENABLE ROW LEVEL SECURITY} },
	{ name => 'many consumers', ddl => q{INSERT INTO consumer (name, kinds) SELECT 'c' || n, CASE n % 3 WHEN 0 THEN '{invitation.created,gig.filled}'::text[] WHEN 1 THEN '{gig.exhausted}' END FROM generate_series(1, 70) n} },
	{ name => 'no consumer', ddl => 'DELETE FROM consumer' },
	{ name => 'nothing told of updates', ddl => q{UPDATE consumer SET kinds = '{invitation.created}'} },
	{ name => 'unlogged tables', no_decoding => 1, ddl => q{ALTER TABLE event SET UNLOGGED; ALTER TABLE notification SET UNLOGGED; ALTER TABLE gig_state SET UNLOGGED; ALTER TABLE wave SET UNLOGGED} },
	{ name => 'replica identity full', ddl => q{ALTER TABLE gig_state REPLICA IDENTITY FULL; ALTER TABLE invitation REPLICA IDENTITY FULL; ALTER TABLE notification REPLICA IDENTITY FULL} },
	{ name => 'a publication of all', ddl => q{CREATE PUBLICATION p FOR ALL TABLES} },
	{ name => 'a publication of tables without identity', ddl => q{CREATE PUBLICATION p FOR ALL TABLES; ALTER TABLE gig_state REPLICA IDENTITY NOTHING}, damage => 1 },
	{ name => 'a publication of invitations without identity', ddl => q{CREATE PUBLICATION p FOR ALL TABLES; ALTER TABLE invitation REPLICA IDENTITY NOTHING}, damage => 1 },
	{ name => 'a publication with row filters', ddl => q{ALTER TABLE gig_state REPLICA IDENTITY FULL; CREATE PUBLICATION p FOR TABLE gig_state WHERE (accepted > 1), event WHERE (kind = 'gig.filled')} },
	{ name => 'a publication with a row filter outside of the identity', ddl => q{CREATE PUBLICATION p FOR TABLE gig_state WHERE (accepted > 1)}, damage => 1 },
	{ name => 'foreign keys to tables of cirro', ddl => q{CREATE TABLE mine (e bigint REFERENCES event, g bigint REFERENCES gig_state ON UPDATE CASCADE, n bigint REFERENCES notification, i bigint REFERENCES invitation, w bigint REFERENCES wave)} },
	{ name => 'fill factors, statistics and clustering', ddl => q{ALTER TABLE event SET (fillfactor = 30); ALTER TABLE notification SET (fillfactor = 30); ALTER TABLE invitation SET (fillfactor = 30);
		ALTER TABLE event CLUSTER ON event_pkey; ALTER TABLE event ALTER kind SET STORAGE EXTERNAL; ALTER TABLE event ALTER payload SET COMPRESSION pglz} },

	# By statement.
	{ name => 'triggers before INSERT', left => { event => 'it has a trigger', notification => 'it has a trigger' },
		ddl => q{CREATE FUNCTION upper_status() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.status := upper(NEW.status); RETURN NEW; END $$;
			CREATE FUNCTION none() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN CASE WHEN NEW.event_id % 7 > 0 THEN NEW END; END $$;
			CREATE TRIGGER t BEFORE INSERT ON event FOR EACH ROW EXECUTE FUNCTION upper_status(); CREATE TRIGGER t BEFORE INSERT ON notification FOR EACH ROW EXECUTE FUNCTION none()} },
	{ name => 'triggers after INSERT, by row and by statement', left => { event => 'it has a trigger', notification => 'it has a trigger' },
		ddl => q{CREATE TABLE log (t text, n bigint); ALTER TABLE log OWNER TO gardener;
			CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO trees.log VALUES (TG_TABLE_NAME, NEW.id); RETURN NULL; END $$;
			CREATE FUNCTION notes() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO trees.log SELECT TG_TABLE_NAME, count(*) FROM new_rows; RETURN NULL; END $$;
			CREATE TRIGGER t AFTER INSERT ON event FOR EACH ROW EXECUTE FUNCTION note();
			CREATE TRIGGER t AFTER INSERT ON notification REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION notes()},
		check => 'SELECT * FROM log' },
	{ name => 'a deferred constraint trigger', left => { event => 'it has a foreign key or a constraint trigger' }, damage => 1,
		ddl => q{CREATE FUNCTION never() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF NEW.kind = 'gig.cancelled' THEN RAISE EXCEPTION 'never'; END IF; RETURN NULL; END $$;
			CREATE CONSTRAINT TRIGGER t AFTER INSERT ON event DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION never()} },
	{ name => 'a trigger of the statement on gig_state', left => { gig_state => 'it has a trigger' },
		ddl => q{CREATE TABLE log (old int, new int); ALTER TABLE log OWNER TO gardener; CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO trees.log VALUES (OLD.accepted, NEW.accepted); RETURN NULL; END $$;
			CREATE TRIGGER t AFTER UPDATE OF accepted ON gig_state FOR EACH ROW WHEN (OLD.accepted <> NEW.accepted) EXECUTE FUNCTION note()},
		check => 'SELECT * FROM log' },
	{ name => 'a trigger that is disabled', left => { event => 'it has a trigger' },
		ddl => q{CREATE FUNCTION never() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'never'; END $$;
			CREATE TRIGGER t BEFORE INSERT ON event FOR EACH ROW EXECUTE FUNCTION never(); ALTER TABLE event DISABLE TRIGGER t} },
	{ name => 'triggers of other commands',
		ddl => q{CREATE FUNCTION never() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;
			CREATE TRIGGER t BEFORE UPDATE ON event FOR EACH ROW EXECUTE FUNCTION never(); CREATE TRIGGER t AFTER DELETE ON event FOR EACH ROW EXECUTE FUNCTION never();
			CREATE TRIGGER t BEFORE UPDATE ON wave FOR EACH ROW WHEN (false) EXECUTE FUNCTION never();
			CREATE TRIGGER t AFTER INSERT ON gig_state FOR EACH ROW EXECUTE FUNCTION never(); CREATE TRIGGER t AFTER UPDATE ON consumer FOR EACH ROW EXECUTE FUNCTION never()} },
	{ name => 'rules', left => { notification => 'it has a rule', gig_state => 'it has a rule' },
		ddl => q{CREATE TABLE log (n bigint); ALTER TABLE log OWNER TO gardener; CREATE RULE r AS ON INSERT TO notification DO ALSO INSERT INTO trees.log VALUES (NEW.event_id);
			CREATE RULE r AS ON UPDATE TO gig_state WHERE NEW.accepted > 1000 DO INSTEAD NOTHING}, check => 'SELECT * FROM log ORDER BY 1' },
	{ name => 'a foreign key of the application', damage => 1, left => { event => 'it has a foreign key or a constraint trigger' },
		ddl => q{CREATE TABLE kind (name text PRIMARY KEY); INSERT INTO kind SELECT k FROM unnest(cirro.event_kinds()) k WHERE k <> 'gig.filled'; ALTER TABLE kind OWNER TO gardener; ALTER TABLE event ADD FOREIGN KEY (kind) REFERENCES kind} },
	{ name => 'foreign keys that refer to a gig and to an event', damage => 1, left => { event => 'it has a foreign key or a constraint trigger', notification => 'it has a foreign key or a constraint trigger' },
		ddl => q{ALTER TABLE event ADD FOREIGN KEY (gig_id) REFERENCES gig ON DELETE CASCADE; ALTER TABLE notification ADD FOREIGN KEY (event_id) REFERENCES event ON DELETE CASCADE} },
	{ name => 'volatile defaults', left => { event => 'a default is not constant', notification => 'a default is not constant' },
		ddl => q{CREATE SEQUENCE s OWNED BY event.id; ALTER SEQUENCE s OWNER TO gardener; ALTER TABLE event ADD a bigint DEFAULT nextval('trees.s'); ALTER TABLE notification ADD took text DEFAULT random()::text} },
	{ name => 'defaults of the moment', left => { event => 'a default is not constant', notification => 'a default is not constant' },
		ddl => q{ALTER TABLE event ADD took text DEFAULT now()::text; ALTER TABLE notification ADD by name DEFAULT current_user} },
	{ name => 'a default that calls a function of the application', left => { event => 'a default calls a function' },
		ddl => q{CREATE FUNCTION f() RETURNS int IMMUTABLE LANGUAGE sql AS 'SELECT 5'; ALTER TABLE event ADD a int DEFAULT f()} },
	{ name => 'a check and an index that call one', left => { event => 'a check calls a function', notification => 'an index calls a function' },
		ddl => q{CREATE FUNCTION f(text) RETURNS boolean IMMUTABLE LANGUAGE plpgsql AS $$ BEGIN RETURN $1 <> 'x'; END $$; ALTER TABLE event ADD CHECK (f(kind)); CREATE INDEX ON notification (f(consumer))} },
	{ name => 'generated columns', left => { event => 'a column is generated', gig_state => 'a column is generated' },
		ddl => q{ALTER TABLE event ADD a text GENERATED ALWAYS AS (upper(kind)) STORED; ALTER TABLE gig_state ADD a int GENERATED ALWAYS AS (accepted + target) STORED} },
	{ name => 'domains', left => { event => 'a column has a domain', gig_state => 'a column has a domain' }, damage => 1,
		ddl => q{CREATE DOMAIN few AS int DEFAULT 3 CHECK (VALUE < 5); CREATE DOMAIN must AS int CHECK (VALUE IS NOT NULL); ALTER TABLE event ADD a few; ALTER TABLE gig_state ADD a few} },
	{ name => 'a domain in place of a type', left => { event => 'a column has another type' }, damage => 1, no_decoding => 1,
		ddl => q{CREATE DOMAIN word AS text CHECK (VALUE <> 'left'); ALTER TABLE event ALTER status TYPE word} },
	{ name => 'other types', left => { event => 'a column has another type', gig_state => 'a column has another type' }, damage => 1,
		ddl => q{ALTER TABLE event ALTER kind TYPE varchar; ALTER TABLE gig_state ALTER accepted TYPE bigint} },
	{ name => 'types with modifiers', left => { event => 'a column has another type', gig_state => 'a column has another type' },
		ddl => q{ALTER TABLE event ALTER at TYPE timestamptz(0); ALTER TABLE gig_state ALTER next_wave_at TYPE timestamptz(0), ALTER next_event_at TYPE timestamptz(0)}, set => 'SET cirro.clock = DEFAULT;' },
	{ name => 'another collation', left => { consumer => 'a column has another collation' }, ddl => q{ALTER TABLE consumer ALTER name TYPE text COLLATE "unicode"} },
	{ name => 'an exclusion constraint', left => { event => 'it has an exclusion constraint', notification => 'it has an exclusion constraint' }, damage => 1,
		ddl => q{ALTER TABLE event ADD EXCLUDE (kind WITH =) WHERE (kind = 'gig.cancelled'); ALTER TABLE notification ADD CONSTRAINT x EXCLUDE (event_id WITH =, consumer WITH =)} },
	{ name => 'deferrable unique constraints', left => { event => 'it has a deferrable constraint', gig_state => 'it has a deferrable constraint' }, damage => 1,
		ddl => q{ALTER TABLE event ADD CONSTRAINT once UNIQUE (id, kind) DEFERRABLE INITIALLY DEFERRED; ALTER TABLE gig_state ADD CONSTRAINT once UNIQUE (gig_id, accepted) DEFERRABLE} },
	{ name => 'another primary key', left => { gig_state => 'its primary key is missing or altered' },
		ddl => q{ALTER TABLE gig_state DROP CONSTRAINT gig_state_pkey; ALTER TABLE gig_state ADD UNIQUE (gig_id)} },
	{ name => 'a primary key of more columns', left => { gig_state => 'its primary key is missing or altered' },
		ddl => q{ALTER TABLE gig_state DROP CONSTRAINT gig_state_pkey; ALTER TABLE gig_state ADD PRIMARY KEY (gig_id, waves)} },
	{ name => 'no primary key', left => { gig_state => 'its primary key is missing or altered' }, damage => 1, ddl => q{ALTER TABLE gig_state DROP CONSTRAINT gig_state_pkey; ALTER TABLE event DROP CONSTRAINT event_pkey} },
	{ name => 'a primary key that includes columns', ddl => q{ALTER TABLE gig_state DROP CONSTRAINT gig_state_pkey; ALTER TABLE gig_state ADD PRIMARY KEY (gig_id) INCLUDE (accepted)} },
	{ name => 'partitions', left => { event => 'it is not a table of its own' }, damage => 1,
		ddl => q{ALTER TABLE event RENAME TO old; CREATE TABLE event (LIKE old INCLUDING DEFAULTS, CHECK (kind <> 'gig.none')) PARTITION BY RANGE (id); ALTER TABLE event OWNER TO gardener; CREATE SEQUENCE event_s OWNED BY event.id;
			ALTER SEQUENCE event_s OWNER TO gardener; ALTER TABLE event ALTER id SET DEFAULT nextval('trees.event_s'); CREATE TABLE e1 PARTITION OF event FOR VALUES FROM (0) TO (300); CREATE TABLE e2 PARTITION OF event DEFAULT},
		check => 'SELECT count(*) FROM event; SELECT count(*) FROM e1' },
	{ name => 'inheritance', left => { event => 'it is not a table of its own', gig_state => 'it is not a table of its own' },
		ddl => q{CREATE TABLE child () INHERITS (event); CREATE TABLE child_state () INHERITS (gig_state)} },
	{ name => 'a parent', ddl => q{CREATE TABLE parent (kind text); ALTER TABLE parent OWNER TO gardener; ALTER TABLE event INHERIT parent}, check => 'SELECT count(*) FROM parent' },
	{ name => 'another table access method', left => { event => 'it is not a table of its own' },
		ddl => q{CREATE ACCESS METHOD heap_too TYPE TABLE HANDLER heap_tableam_handler; CREATE TABLE new (LIKE event INCLUDING ALL) USING heap_too; ALTER TABLE new OWNER TO gardener; ALTER TABLE event RENAME TO old; ALTER TABLE new RENAME TO event} },
	{ name => 'no identity', left => { event => 'its key is not an identity' },
		ddl => q{ALTER TABLE event ALTER id DROP IDENTITY; CREATE SEQUENCE own; ALTER SEQUENCE own OWNER TO gardener; ALTER TABLE event ALTER id SET DEFAULT nextval('trees.own')} },
	{ name => 'an identity that is always given', left => { event => 'its key is not an identity' }, ddl => q{ALTER TABLE event ALTER id SET GENERATED ALWAYS} },
	{ name => 'an identity in other steps', ddl => q{ALTER TABLE event ALTER id SET INCREMENT BY -7 SET MINVALUE -1000000 SET CACHE 5; ALTER TABLE notification ALTER id SET INCREMENT BY 3 RESTART 17; ALTER TABLE invitation ALTER id SET INCREMENT BY 2 SET CACHE 20} },
	{ name => 'an identity that ends', ddl => q{ALTER TABLE event ALTER id SET MAXVALUE 300}, damage => 1 },
	{ name => 'triggers of cirro disabled', damage => 1, left => {}, no_decoding => 1, user => 'postgres', ddl => q{ALTER TABLE invitation DISABLE TRIGGER USER} },
	{ name => 'a trigger of cirro altered', damage => 1, no_decoding => 1, ddl => q{DROP TRIGGER cirro_inserted ON invitation} },
	{ name => 'a replica', damage => 1, no_decoding => 1, user => 'postgres', set => 'SET session_replication_role = replica;' },
	{ name => 'a replica where the triggers fire', user => 'postgres', damage => 1, no_decoding => 1, set => 'SET session_replication_role = replica;',
		left => { map { $_ => 'triggers rest on a replica' } qw(event gig_state) },
		ddl => join ';', map { my $t = $_; map { "ALTER TABLE $t ENABLE ALWAYS TRIGGER $_" } $t eq 'gig' ? qw(cirro_check cirro_inserted cirro_updated) : qw(cirro_check cirro_inserted cirro_updated cirro_deleted) } qw(gig invitation) },
	{ name => 'REPEATABLE READ', set => 'SET default_transaction_isolation = "repeatable read";', left => { gig_state => 'the snapshot outlives the statement' } },
	{ name => 'SERIALIZABLE', set => 'SET default_transaction_isolation = serializable;', left => { gig_state => 'the snapshot outlives the statement' } },
	{ name => 'an owner who may not insert events', damage => 1, left => { event => 'the role has no right to all of it' }, ddl => 'REVOKE INSERT ON event FROM gardener' },
	{ name => 'an owner who may not read events', damage => 1, left => { event => 'the role has no right to all of it' }, ddl => 'REVOKE SELECT ON event FROM gardener' },
	{ name => 'an owner who may not insert notifications', damage => 1, left => { notification => 'the role has no right to all of it' }, ddl => 'REVOKE INSERT ON notification FROM gardener' },
	{ name => 'an owner who may not read consumers', damage => 1, left => { consumer => 'the role has no right to all of it' }, ddl => 'REVOKE SELECT ON consumer FROM gardener' },
	{ name => 'an owner who may not change gig_state', damage => 1, left => { gig_state => 'the role has no right to all of it' }, ddl => 'REVOKE UPDATE ON gig_state FROM gardener' },
	{ name => 'an owner who may change some of gig_state', damage => 1, left => { gig_state => 'the role has no right to all of it' },
		ddl => 'REVOKE UPDATE ON gig_state FROM gardener; GRANT UPDATE (accepted, next_wave_at, next_event_at, released) ON gig_state TO gardener' },
	{ name => 'an owner who may not use the sequence', ddl => 'REVOKE ALL ON SEQUENCE event_id_seq FROM gardener' },
	{ name => 'an owner who may not use the schema', damage => 1, no_decoding => 1, ddl => 'REVOKE ALL ON SCHEMA trees FROM gardener' },
	{ name => 'row security of the owner too', left => { (map { $_ => 'it has row security' } qw(event gig_state)) }, damage => 1,
		ddl => q{ALTER TABLE event ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY; CREATE POLICY p ON event USING (true) WITH CHECK (kind <> 'gig.filled'); ALTER TABLE gig_state ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY; CREATE POLICY p ON gig_state USING (gig_id <> 6)} },
	{ name => 'a Space without event', damage => 1, left => { event => 'it is not there' }, ddl => 'DROP TABLE event' },
	{ name => 'a Space without consumer', damage => 1, left => { consumer => 'it is not there' }, ddl => 'DROP TABLE consumer' },
	{ name => 'a Space without a column', damage => 1, left => { event => 'a column is missing', gig_state => 'a column is missing' }, ddl => 'ALTER TABLE event DROP previous; ALTER TABLE gig_state DROP released' },
	{ name => 'a Space without rows in gig_state', damage => 1, ddl => 'CREATE RULE r AS ON INSERT TO gig_state DO INSTEAD NOTHING' , left => { gig_state => 'it has a rule' }},
	{ name => 'a view in place of a table', damage => 1, left => { consumer => 'it is not a table of its own' }, ddl => 'ALTER TABLE consumer RENAME TO c; CREATE VIEW consumer AS SELECT * FROM c; ALTER VIEW consumer OWNER TO gardener' },
	{ name => 'nulls that no Space has', damage => 1, ddl => q{ALTER TABLE gig_state ALTER target DROP NOT NULL, ALTER frequency DROP NOT NULL;
		CREATE FUNCTION nulls() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.frequency := NULL; RETURN NEW; END $$; CREATE TRIGGER t BEFORE INSERT ON gig_state FOR EACH ROW EXECUTE FUNCTION nulls()} },
);

my $wanted = $ENV{CASES} // '';
compare($_) for grep { $_->{name} =~ /$wanted/ } @cases;

done_testing();
