# kill -9 in the middle of it: a front and four cells share gigs, eight clients accept,
# wait, leave, decline and are reset through the front, seats are raised and lowered, waves
# run, the mover moves seats, and at random moments a back end of any server, or the mover's,
# is killed, which makes that server restart.
#
# Seen all the while, with every row that could change locked in all cells at once, so that
# it is one moment: no gig has more accepted than seats, no seat is lost or made, none was
# received that was not given. Afterwards, by the commit times of all that happened: no gig
# ever had more. In the end each answer that a client had is so, all seats can be filled to
# the last, and everybody else is told that they are.
#
# make test-cells CELLS_SECONDS=600 CELLS_SEED=42
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/lib";
use IPC::Run;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time usleep);
use Cells;

plan skip_all => 'no /proc' if !-r '/proc/self/stat';

my $seconds = $ENV{CELLS_SECONDS} // 25;
my $seed = $ENV{CELLS_SEED} // int(rand(1_000_000_000));
sub report { return $ENV{CELLS_SECONDS} ? diag(@_) : note(@_) }
report "CELLS_SEED=$seed";
srand($seed);

my $cells = Cells->new(cells => 4, clusters => $ENV{CELLS_SECONDS} ? 4 : 2, conf => q{
track_commit_timestamp = on
restart_after_crash = on
max_wal_size = 64MB
log_min_messages = error
log_min_error_statement = panic
});
my $workers = 12;
my $clients = 8;

# ------------------------------------------------------------------ the gigs --
$cells->sql($_, "INSERT INTO trees.worker (profile) SELECT '{}' FROM generate_series(1, $workers)") for 1 .. 4;
$cells->sql(0, q{
CREATE FUNCTION test.gig(name text, seats_min int, total_seats int, seats_max int) RETURNS bigint LANGUAGE sql AS $$
	INSERT INTO trees.gig (ref, title, url, start_at, end_at, filter_query, invitation_frequency, invitation_multiplier, seats_min, total_seats, seats_max)
	VALUES (name, name, 'u', now() + '1 day', now() + '2 days', '{}', '2 s', 100, seats_min, total_seats, seats_max) RETURNING id;
$$;
SELECT test.gig('one', NULL, 1, NULL), test.gig('nine', NULL, 9, NULL), test.gig('at most seven', NULL, NULL, 7),
	test.gig('two to eleven', 2, 11, NULL), test.gig('three to five, and no more', 3, 4, 5), test.gig('changing', NULL, 12, NULL);
});
$cells->settle;
# Seats first, so that everybody can be invited.
$cells->sql($_, q{
UPDATE trees.gig SET seats_granted = 1 WHERE seats_granted = 0;
SELECT i.* FROM trees.gig g CROSS JOIN LATERAL trees.invite(g.id, ARRAY(SELECT id FROM trees.worker)) i;
UPDATE trees.gig g SET seats_granted = c.granted FROM cells.gig c WHERE c.gig_id = g.id;
}) for 1 .. 4;
my @ids = sort { $a <=> $b } map { split /\n/, $cells->sql($_, 'SELECT id FROM trees.invitation') } 1 .. 4;
is(scalar @ids, 4 * 6 * $workers, 'everybody is invited to everything');
my ($changing) = $cells->sql(0, q{SELECT id FROM trees.gig WHERE ref = 'changing'});

# -------------------------------------------------------------- the observer --
# Locks as whoever writes would, a gig and then its gig_state, in each cell; nobody waits in
# one cell for another while he holds any, so this is no deadlock. What cannot be looked at
# now, because a server restarts, is looked at the next time.
$cells->sql(0, q{
CREATE FUNCTION test.look(gig_id bigint) RETURNS text LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
	this CONSTANT bigint := look.gig_id;
	cell record;
	wrong text := '';
	sees record;
	granted bigint := 0;
	accepted bigint := 0;
	seats bigint;
	may_exceed CONSTANT boolean := (SELECT ref = 'changing' FROM trees.gig WHERE id = this);
	pairs jsonb := '[]';
	flying bigint;
	pool bigint;
BEGIN
	FOR cell IN SELECT number, connect FROM cells.cell WHERE number > 0 ORDER BY number LOOP
		IF NOT 'cell' || cell.number = ANY (coalesce(dblink_get_connections(), '{}')) THEN
			PERFORM dblink_connect('cell' || cell.number, cell.connect);
		END IF;
		PERFORM dblink_exec('cell' || cell.number, 'BEGIN');
		PERFORM * FROM dblink('cell' || cell.number, format('SELECT 1 FROM trees.gig WHERE id = %s FOR NO KEY UPDATE', this)) d (x int);
		PERFORM * FROM dblink('cell' || cell.number, format('SELECT 1 FROM trees.gig_state WHERE gig_id = %s FOR NO KEY UPDATE', this)) d (x int);
	END LOOP;
	PERFORM pg_advisory_xact_lock(hashtextextended('cells.seats', this));
	FOR cell IN SELECT number FROM cells.cell WHERE number > 0 ORDER BY number LOOP
		SELECT * INTO sees FROM dblink('cell' || cell.number, format($q$
			SELECT c.granted, s.accepted, (SELECT count(*) FROM trees.invitation i WHERE i.gig_id = g.id AND i.status = 'accepted'),
				coalesce((SELECT sum(p.got - p.given) FROM cells.seats p WHERE p.gig_id = g.id), 0),
				coalesce((SELECT jsonb_agg(p) FROM cells.seats p WHERE p.gig_id = g.id), '[]')
			FROM trees.gig g JOIN trees.gig_state s ON s.gig_id = g.id JOIN cells.gig c ON c.gig_id = g.id WHERE g.id = %s$q$, this))
			d (granted int, accepted int, counted int, totals bigint, pairs jsonb);
		IF sees.accepted <> sees.counted THEN
			wrong := wrong || format('cell %s counts %s of %s; ', cell.number, sees.accepted, sees.counted);
		END IF;
		IF sees.accepted > sees.granted THEN
			wrong := wrong || format('cell %s: %s of %s; ', cell.number, sees.accepted, sees.granted);
		END IF;
		IF sees.granted <> sees.totals THEN
			wrong := wrong || format('cell %s: granted %s, totals say %s; ', cell.number, sees.granted, sees.totals);
		END IF;
		granted := granted + sees.granted;
		accepted := accepted + sees.accepted;
		pairs := pairs || (SELECT coalesce(jsonb_agg(p || jsonb_build_object('cell', cell.number)), '[]') FROM jsonb_array_elements(sees.pairs) p);
	END LOOP;
	pairs := pairs || (SELECT coalesce(jsonb_agg(to_jsonb(p) || '{"cell": 0}'), '[]') FROM cells.seats p WHERE p.gig_id = this);
	SELECT cells.pool(this), coalesce(g.seats_max, g.total_seats) INTO pool, seats FROM trees.gig g WHERE g.id = this;
	FOR cell IN SELECT number FROM cells.cell WHERE number > 0 ORDER BY number DESC LOOP
		PERFORM dblink_exec('cell' || cell.number, 'COMMIT');
	END LOOP;
	SELECT sum(coalesce(f.given, 0) - coalesce(t.got, 0)), wrong || coalesce(string_agg(format('cell %s got %s of %s given by %s; ',
		coalesce(t.cell, f.peer), t.got, f.given, coalesce(f.cell, t.peer)), '') FILTER (WHERE coalesce(t.got, 0) > coalesce(f.given, 0)), '')
	INTO flying, wrong
	FROM jsonb_to_recordset(pairs) f (cell int, peer int, given bigint)
	FULL JOIN jsonb_to_recordset(pairs) t (cell int, peer int, got bigint) ON t.cell = f.peer AND t.peer = f.cell;
	IF granted + coalesce(flying, 0) + pool <> seats THEN
		wrong := wrong || format('%s granted, %s in flight, %s at the front; ', granted, flying, pool);
	END IF;
	IF accepted > seats AND NOT may_exceed THEN
		wrong := wrong || format('%s accepted of %s; ', accepted, seats);
	END IF;
	RETURN CASE WHEN wrong = '' THEN 'fine' ELSE format('WRONG gig %s: %s', this, wrong) END;
EXCEPTION WHEN OTHERS THEN
	FOR cell IN SELECT x.name FROM unnest(dblink_get_connections()) x (name) LOOP
		PERFORM dblink_disconnect(cell.name);
	END LOOP;
	RETURN 'missed ' || SQLERRM;
END $$;
});
my @gigs = split /\n/, $cells->sql(0, 'SELECT id FROM trees.gig ORDER BY id');
is(join(' ', map { $cells->sql(0, "SELECT test.look($_)") } @gigs), 'fine fine fine fine fine fine', 'a look');

# ------------------------------------------------------------------ who acts --
my $tmp = PostgreSQL::Test::Utils::tempdir();
my %acts;

# A psql that works on a text, again and again, with another text each time.
sub act
{
	my ($name, $cell, $text) = @_;
	my $act = $acts{$name} //= { cell => $cell, text => $text, out => "$tmp/$name.out", started => 0 };

	open my $fh, '>', "$tmp/$name.sql" or die;
	print $fh $text->();
	close $fh;
	$act->{started}++;
	$act->{handle} = IPC::Run::start([ 'psql', '-XqAt', '-d', $cells->{node}[$cell]->connstr($cells->{db}[$cell]) . " application_name='$name'",
			'-f', "$tmp/$name.sql" ], '<', '/dev/null', '>>', $act->{out}, '2>>', "$act->{out}.err");
	return;
}

# Each client has invitations of its own, and says what it tries before it is answered.
my %share;
push @{ $share{ int($_ / 64) % $clients } }, $_ for @ids;
for my $client (0 .. $clients - 1)
{
	act("client$client", 0, sub {
		return join '', map {
			my $id = $share{$client}[ rand @{ $share{$client} } ];
			my $what = rand;
			my $call = $what < 0.35 ? "SELECT outcome FROM cells.try_accept($id)"
			  : $what < 0.5 ? "SELECT (cells.accept($id)).status"
			  : $what < 0.6 ? "SELECT outcome FROM cells.try_accept($id, true)"
			  : $what < 0.85 ? "SELECT (cells.leave($id)).status"
			  : $what < 0.88 ? "SELECT (cells.reject($id)).status"
			  : "SELECT (cells.reset($id)).status";
			"\\echo try $id\n$call;\n"
		} 1 .. 300;
	});
}
act("waves$_", $_, sub { "SET client_min_messages = error;\nCALL cirro.run_waves('trees', during => '20 s');\n" }) for 1 .. 4;
act('mover', 0, sub { "CALL cells.move('20 s');\n" });
act('another', 0, sub { join '', map { "SELECT cells.settle($gigs[rand @gigs]);\n" } 1 .. 100 });
act('owner', 0, sub { join '', map { "UPDATE trees.gig SET total_seats = " . (6 + int rand 12) . " WHERE id = $changing;\nSELECT pg_sleep(0.3);\n" } 1 .. 100 });
act('observer', 0, sub { join '', map { "SELECT test.look($_);\n" } (@gigs) x 20 });

# A back end of a server, by what it works for: the front's or a cell's, or the mover's.
my ($kills, $mover_kills) = (0, 0);
sub kill_somebody
{
	my $cell = int rand 5;
	my $mover = rand() < 0.3;
	my ($code, $out) = $cells->{node}[ $mover ? 0 : $cell ]->psql('postgres',
		q{SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid() }
		. ($mover ? q{AND application_name = 'mover'} : '') . ' ORDER BY random() LIMIT 1');

	if (($out // '') =~ /^(\d+)$/ && kill 'KILL', $1)
	{
		$mover ? $mover_kills++ : $kills++;
	}
	return;
}

sub heard
{
	my ($name, $what) = @_;
	my $n = () = slurp_file($acts{$name}{out}) =~ /^$what$/mg;

	return $n;
}

# A machine that stalls may take longer to come to anything.
sub is_enough
{
	my $accepted = 0;

	return 0 if $kills + $mover_kills <= 2 || heard('observer', 'fine') <= $seconds / 2;
	$accepted += heard("client$_", 'accepted') for 0 .. $clients - 1;
	return $accepted > 20;
}

my $end = time() + $seconds;
my $next_kill = time() + 2;
while (time() < $end || (time() < $end + 60 && !is_enough()))
{
	for my $name (sort keys %acts)
	{
		next if $acts{$name}{handle}->pumpable;
		eval { $acts{$name}{handle}->finish };
		act($name, $acts{$name}{cell}, $acts{$name}{text});
	}
	if (time() > $next_kill)
	{
		kill_somebody();
		$next_kill = time() + 0.5 + rand 3;
	}
	usleep 100_000;
}
for my $name (sort keys %acts)
{
	eval { $acts{$name}{handle}->kill_kill };
}
for my $cell (0 .. 4)
{
	$cells->{node}[$cell]->poll_query_until($cells->{db}[$cell], q{SELECT count(pg_terminate_backend(pid)) = 0 FROM pg_stat_activity
		WHERE backend_type = 'client backend' AND pid <> pg_backend_pid() AND datname = current_database()}) or die 'somebody is left';
}

# ------------------------------------------------------------- what was seen --
my $seen = slurp_file($acts{observer}{out});
my $looks = heard('observer', 'fine');
my $missed = () = $seen =~ /^missed/mg;
my @wrong = $seen =~ /^(WRONG.*)$/mg;
my %answers;
$answers{$_}++ for map { slurp_file($acts{"client$_"}{out}) =~ /^(?!try)(\w+)$/mg } 0 .. $clients - 1;
report "$looks looks ($missed missed), " . ($kills + $mover_kills) . " back ends killed, $mover_kills of them the mover; answers: "
  . join(', ', map { "$answers{$_} $_" } sort keys %answers);
cmp_ok($looks, '>', $seconds / 2, 'there were looks');
is_deeply(\@wrong, [], 'in each of them all was well');
cmp_ok($kills + $mover_kills, '>', 2, 'somebody was killed');
cmp_ok($answers{accepted} // 0, '>', 20, 'and accepted');

# By the commit times, of one clock, in one order: who leaves at the same time leaves first.
my %seats = map { split /\|/ } split /\n/, $cells->sql(0, "SELECT id, CASE WHEN id = $changing THEN 17 ELSE coalesce(seats_max, total_seats) END FROM trees.gig");
my (%now, %most);
for my $event (sort { $a->[0] <=> $b->[0] || $a->[2] <=> $b->[2] } map { map { [ split /\|/ ] } split /\n/, $cells->sql($_, q{
	SELECT (extract(epoch FROM pg_xact_commit_timestamp(e.xmin)) * 1000000)::bigint, e.gig_id,
		CASE WHEN e.status = 'accepted' THEN 1 ELSE -1 END
	FROM trees.event e WHERE e.kind = 'invitation.updated' AND (e.status = 'accepted') <> (e.previous = 'accepted')}) } 1 .. 4)
{
	my ($at, $gig, $change) = @$event;

	$now{$gig} += $change;
	$most{$gig} = $now{$gig} if $now{$gig} > ($most{$gig} // 0);
}
report 'most at a time: ' . join(', ', map { ($most{$_} // 0) . " of $seats{$_}" } @gigs);
cmp_ok($most{$_} // 0, '<=', $seats{$_}, "gig $_ never had more accepted than seats") for @gigs;

# --------------------------------------------------------- what clients heard --
my %last;
for my $client (0 .. $clients - 1)
{
	my $id;

	for my $line (split /\n/, slurp_file($acts{"client$client"}{out}))
	{
		if ($line =~ /^try (\d+)$/) { $id = $1; $last{$id} = 'unknown'; }
		elsif ($line =~ /^(accepted|left)$/) { $last{$id} = $1; }
		else { $last{$id} = 'other'; }
	}
}
my %status = map { split /\|/ } map { split /\n/, $cells->sql($_, 'SELECT id, status FROM trees.invitation') } 1 .. 4;
my @lost = grep { $last{$_} =~ /^(accepted|left)$/ && $status{$_} ne $last{$_} } sort keys %last;
is(join(' ', map { "$_ was $last{$_}, is $status{$_}" } @lost), '', 'no answer is lost');

# -------------------------------------------------------------- the end of it --
$cells->sql(0, "UPDATE trees.gig SET total_seats = 17 WHERE id = $changing");
# What the mover has put off is to be done now.
$cells->sql(0, 'UPDATE cells.due SET at = now() WHERE at > now(); UPDATE cells.copy SET retry_at = NULL WHERE retry_at IS NOT NULL');
$cells->settle;
is(join(' ', map { $cells->sql(0, "SELECT test.look($_)") } @gigs), 'fine fine fine fine fine fine', 'it settles');
is($cells->sql(0, "SELECT sum((f).given - (f).got) FROM trees.gig g CROSS JOIN LATERAL cells.flights(g.id, cells.looks(g.id)) f"), '', 'nothing is in flight');
is($cells->wrong, '', 'nothing is wrong');
# Whoever is left is asked until each seat is taken, and the others are told so.
for my $gig (@gigs)
{
	my $seats = $cells->sql(0, "SELECT coalesce(seats_max, total_seats) FROM trees.gig WHERE id = $gig");
	my $taken = 0;

	$cells->sql(0, qq{
DO \$\$
DECLARE
	i bigint;
BEGIN
	FOR i IN SELECT d.id FROM cells.cell c, dblink(c.connect, 'SELECT id FROM trees.invitation WHERE gig_id = $gig ORDER BY id') d (id bigint) WHERE c.number > 0 ORDER BY 1 LOOP
		BEGIN
			IF (SELECT outcome FROM cells.try_accept(i)) = 'no_longer_pending' THEN
				PERFORM cells.reset(i);
				PERFORM cells.try_accept(i);
			END IF;
		EXCEPTION WHEN SQLSTATE 'UG011' THEN NULL;
		END;
	END LOOP;
END \$\$;});
	$taken += $_ for split / /, $cells->each_cell("SELECT count(*) FROM trees.invitation WHERE gig_id = $gig AND status = 'accepted'");
	is($taken, $seats, "gig $gig: each of its $seats seats is taken");
}
$cells->settle;
is($cells->wrong, '', 'and nothing is wrong');

done_testing();
