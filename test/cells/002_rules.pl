# The rules of cells, one after the other, without any randomness: a front and four
# cells in one cluster.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/lib";
use PostgreSQL::Test::Utils;
use Test::More;
use Cells;

my $cells = Cells->new(cells => 4, clusters => 0);
my $workers = 6;
my $number = 0;

sub front { return $cells->sql(0, $_[0]) }

# A shared gig, known to each cell; its id.
sub gig
{
	my ($seats, %columns) = @_;
	my %gig = (ref => "'g" . ++$number . "'", title => "'Plant trees'", url => "'u'", start_at => "now() + '1 day'",
		end_at => "now() + '2 days'", filter_query => "'{}'", invitation_multiplier => 100, %$seats, %columns);

	my $id = front('INSERT INTO trees.gig (' . join(', ', sort keys %gig) . ') VALUES ('
		. join(', ', map { $gig{$_} } sort keys %gig) . ') RETURNING id');
	$cells->settle;
	return $id;
}

# The invitations of a cell to a gig, in the order of the workers.
sub invited
{
	my ($cell, $gig) = @_;
	return split /\n/, $cells->sql($cell, "SELECT id FROM trees.invitation WHERE gig_id = $gig ORDER BY worker_id");
}

# So many of a cell's workers, the first ones, are invited by hand.
sub invite
{
	my ($gig, $n) = @_;
	$cells->each_cell("SELECT count(*) FROM trees.invite($gig, ARRAY(SELECT id FROM trees.worker ORDER BY id LIMIT $n))");
}

sub accepts { return $cells->try(0, "SELECT (cells.accept($_[0])).status") }
sub try_accept { return front('SELECT outcome FROM cells.try_accept(' . join(', ', @_) . ')') }
sub leave { return front("SELECT (cells.leave($_[0])).status") }
sub status { my ($cell, $id) = @_; return $cells->sql($cell, "SELECT status || coalesce(' ' || reason, '') FROM trees.invitation WHERE id = $id") }

# Anything that was given and not received, by hand: as if a mover were killed in between.
sub release
{
	my ($source, $gig, $target, $total, $forced) = @_;
	return $cells->sql($source, "SELECT cells.release($gig, $target, $total" . ($forced ? ', true)' : ')'));
}

sub receive
{
	my ($target, $gig, $source, $total) = @_;
	return $cells->sql($target, "SELECT cells.receive($gig, $source, $total)");
}

# The laws that hold whatever happens.
sub sound
{
	my ($name, $gig) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;

	is($cells->wrong, '', "$name: nothing is wrong");
	is(front("SELECT (SELECT coalesce(sum((l).granted), 0) FROM unnest(cells.looks($gig)) l)
			+ (SELECT coalesce(sum(f.given - f.got), 0) FROM cells.flights($gig, cells.looks($gig)) f)
			+ cells.pool($gig) - coalesce((SELECT coalesce(seats_max, total_seats, 2147483647) FROM trees.gig WHERE id = $gig), 0)"),
		0, "$name: no seat is lost, none made");
}

# ------------------------------------------------------------------ ids, put --
$cells->sql($_, "INSERT INTO trees.worker (ref, profile) SELECT 'w' || n || 'c$_', jsonb_build_object('n', n, 'cell', $_) FROM generate_series(1, $workers) n") for 1 .. 4;
is($cells->each_cell(q{SELECT min(id) || '-' || max(id) FROM trees.worker}), '1-321 2-322 3-323 4-324', 'an id says in which cell');
$cells->{node}[1]->command_fails([ 'psql', '-XqAt', '-d', $cells->{node}[0]->connstr('cell1'), '-v', 'space=trees', '-v', 'cell=2',
		'-f', "$FindBin::RealBin/../../examples/cells/cell.sql" ], 'cell 1 cannot become cell 2');

my $gig = gig({ total_seats => 10 }, invitation_mode => "'manual'");
is($gig % 64, 0, 'a shared gig has an id of the front');
is($cells->stands($gig), '2/0 2/0 3/0 3/0', 'seats are split evenly');
sound('a new gig', $gig);
is($cells->try(0, q{INSERT INTO trees.gig (title, url, start_at, end_at, total_seats, filter_query) VALUES ('t', 'u', now(), now() + '1 day', 1, '{"$no": 1}')}),
	'22P02', 'a bad filter is refused at the front');
is($cells->try(0, "DELETE FROM trees.gig WHERE id = $gig"), '0A000', 'a shared gig is not deleted');
front("UPDATE trees.gig SET title = 'Plant more trees', pending_max = 5 WHERE id = $gig");
$cells->settle;
is($cells->each_cell("SELECT concat_ws('|', title, pending_max) FROM trees.gig WHERE id = $gig"), join(' ', ('Plant more trees|5') x 4), 'a change reaches each cell');
my $revision = front("SELECT max(revision) FROM cells.copy WHERE gig_id = $gig");
$cells->sql(2, "SELECT cells.put(jsonb_set(to_jsonb(g), '{title}', '\"Old\"'), $revision) FROM trees.gig g WHERE id = $gig");
is($cells->sql(2, "SELECT title FROM trees.gig WHERE id = $gig"), 'Plant more trees', 'what comes again, or late, changes nothing');

# --------------------------------------------------- release, receive, accept --
invite($gig, $workers);
my @in = (undef, map { [ invited($_, $gig) ] } 1 .. 4);
is(accepts($in[1][0]), 'accepted', 'a seat of its own cell');
is($cells->stands($gig), '2/1 2/0 3/0 3/0', '… is taken there');
is(release(3, $gig, 2, 1), 1, 'a seat is released');
is(release(3, $gig, 2, 1), 1, '… once, however often that is said');
is($cells->stands($gig), '2/1 2/0 2/0 3/0', '… and is gone');
is(receive(3, $gig, 2, 0) . receive(2, $gig, 3, 1) . release(2, $gig, 3, 1) . receive(3, $gig, 2, 1), '0111', 'and back');
is(release(1, $gig, 2, 5), 1, 'only what is free is released');
is(release(1, $gig, 2, 5), 1, '… and no more by a repetition');
is(release(1, $gig, 2, 1), 1, '… nor by an earlier one');
is($cells->stands($gig), '1/1 2/0 3/0 3/0', 'what is released is nobody\'s');
is($cells->try(1, "SELECT trees.accept($in[1][1])"), 'UG011', '… also in its cell');
sound('in flight', $gig);
is(receive(2, $gig, 1, 1), 1, 'it is received');
is(receive(2, $gig, 1, 1), 1, '… once');
is(receive(2, $gig, 1, 0), 1, '… whatever comes late');
is($cells->stands($gig), '1/1 3/0 3/0 3/0', '… where it went');
sound('received', $gig);

is(accepts($in[1][$_]), 'accepted', "a seat of another cell: $_") for 1 .. 4;
is($cells->sql(1, "SELECT seats_granted FROM trees.gig WHERE id = $gig"), 5, 'the seats have come');
sound('fetched', $gig);
# The last five, of which one is in flight between others, and is delivered for it.
is(accepts($in[1][5]), 'accepted', '… and 5');
is(accepts($in[2][$_]), 'accepted', "another cell: $_") for 0 .. 2;
my ($source) = grep { $cells->sql($_, "SELECT g.seats_granted - s.accepted FROM trees.gig g JOIN trees.gig_state s ON s.gig_id = g.id WHERE g.id = $gig") == 1 } 1 .. 4;
is($cells->stands($gig) =~ s/\b(\d+)\/\1\b//gr =~ s/ //gr, '1/0', 'one seat is left');
my $other = $source == 4 ? 3 : 4;
release($source, $gig, $other, 1 + $cells->sql($source, "SELECT coalesce((SELECT given FROM cells.seats WHERE gig_id = $gig AND peer = $other), 0)"));
is(accepts($in[2][3]), 'accepted', 'what is in flight is not lost to who accepts');
sound('all taken', $gig);
is(front("SELECT sum((l).accepted) FROM unnest(cells.looks($gig)) l"), 10, 'all seats are taken');
is(accepts($in[$_][4]), 'UG011', "cell $_ says filled") for 2 .. 4;
is(try_accept($in[4][4]), 'filled', 'so does try_accept');
is(status(4, $in[4][4]), 'pending', '… and without seats_max the invitation stays');
is(accepts(7 * 64 + 9), 'UG003', 'an id of no cell');
is(accepts(9999 * 64 + 1), 'UG003', 'an id of no invitation');
is(accepts('NULL'), 'UG003', 'no id');

# Somebody leaves in one cell, who accepts is in another.
is(leave($in[1][0]), 'left', 'leaves');
is(accepts($in[3][0]), 'accepted', 'and a worker of another cell has the seat at once');
is(front("SELECT (cells.reject($in[4][0], 'ill')).reason"), 'ill', 'rejects');
is(front("SELECT (cells.reset($in[4][0])).status"), 'pending', 'is reset');
is(front("SELECT (cells.expire($in[4][0], 'no')).status"), 'expired', 'expires');
is($cells->try(0, "SELECT cells.leave($in[4][0])"), 'UG013', 'errors keep their SQLSTATE');

# ---------------------------------------------------------------- waiting --
is(try_accept($in[4][1], 'true'), 'waiting', 'a worker waits in cell 4');
is(try_accept($in[3][1], 'true'), 'waiting', 'and one in cell 3');
$cells->settle;
is(status(4, $in[4][1]), 'waiting', 'there is no seat');
leave($in[1][1]);
$cells->settle;
is(status(4, $in[4][1]), 'accepted', 'a seat that comes free elsewhere goes to who has waited longest');
is(status(3, $in[3][1]), 'waiting', '… not to another');
leave($in[3][0]);
is(status(3, $in[3][1]), 'accepted', 'one that comes free in a cell stays with who waits there');
sound('waited', $gig);

# What the mover knows may be old.
my $stale = gig({ total_seats => 2 }, invitation_mode => "'manual'");
my ($x, $y) = grep { $cells->sql($_, "SELECT seats_granted FROM trees.gig WHERE id = $stale") == 1 } 1 .. 4;
invite($stale, 2);
my @x = invited($x, $stale);
my @y = invited($y, $stale);
is(accepts($x[0]), 'accepted', 'one of two');
is($cells->sql($x, "SELECT outcome FROM trees.try_accept($x[1], true)"), 'waiting', 'one waits in the same cell, past the front');
front("CREATE TABLE test.looks AS SELECT cells.looks($stale) AS looks");
is(accepts($y[0]), 'accepted', 'two of two');
is(front("SELECT steps FROM test.looks, cells.carry_out($stale, looks)"), 1, 'the mover would give that seat to who waits');
is(status($x, $x[1]), 'waiting', '… and cannot');
sound('what is known is old', $stale);

# ---------------------------------------------------------- raised, lowered --
front("UPDATE trees.gig SET total_seats = 12 WHERE id = $gig");
$cells->settle;
is(front("SELECT sum((l).granted), sum((l).accepted), cells.pool($gig) FROM unnest(cells.looks($gig)) l"), '12|10|0', 'raised seats are given out');
front("UPDATE trees.gig SET total_seats = 11 WHERE id = $gig");
$cells->settle;
is(front("SELECT sum((l).granted), sum((l).accepted), cells.pool($gig) FROM unnest(cells.looks($gig)) l"), '11|10|0', 'free ones are taken back');
is(try_accept($in[2][4], 'true'), 'accepted', 'the last');
is(try_accept($in[4][2], 'true'), 'waiting', 'somebody waits');
front("UPDATE trees.gig SET total_seats = 8 WHERE id = $gig");
$cells->settle;
is(front("SELECT sum((l).granted), sum((l).accepted), cells.pool($gig) FROM unnest(cells.looks($gig)) l"), '11|11|-3', 'lowering evicts nobody');
sound('lowered', $gig);
# First the one of the cell where somebody waits.
my @taken = map { my $cell = $_; map { [ $cell, $_ ] } split /\n/, $cells->sql($cell, "SELECT id FROM trees.invitation WHERE gig_id = $gig AND status = 'accepted'") } reverse 1 .. 4;
for (1 .. 3)
{
	leave((shift @taken)->[1]);
	$cells->settle;
	is(status(4, $in[4][2]), 'waiting', 'nobody has a seat that is no more');
	is(accepts($in[2][5]), 'UG011', '… whoever asks');
}
is(front("SELECT sum((l).granted), sum((l).accepted) FROM unnest(cells.looks($gig)) l"), '8|8', 'as many as there are seats');
leave((shift @taken)->[1]);
$cells->settle;
is(status(4, $in[4][2]), 'accepted', 'the next seat is one');
sound('lowered and left', $gig);

# ------------------------------------------------------- exhausted, going round --
# Workers of cells 1 to 3 do not match.
$gig = gig({ total_seats => 4 }, filter_query => q{'{"cell": 4}'}, invitation_frequency => "'1 hour'");
is($cells->stands($gig), '1/0 1/0 1/0 1/0', 'a seat each');
$cells->waves;
$cells->move;
$cells->move;
is($cells->stands($gig), '0/0 0/0 0/0 4/0', 'a cell that finds nobody gives its seats within a tick');
sound('exhausted', $gig);
# Cell 4 has invited everybody it has, and finds nobody else.
$cells->waves;
$cells->settle;
is($cells->stands($gig), '1/0 1/0 1/0 1/0', 'where nobody finds anybody each has a seat to look with');
$cells->sql(2, q{INSERT INTO trees.worker (profile) VALUES ('{"cell": 4}')});
$cells->waves;
$cells->settle;
is($cells->sql(2, "SELECT count(*) FROM trees.invitation WHERE gig_id = $gig AND status = 'pending'"), 1, '… and finds who comes there');
is($cells->stands($gig), '0/0 4/0 0/0 0/0', '… and has the others then');
sound('exhausted everywhere', $gig);

# Fewer seats than cells.
$gig = gig({ total_seats => 1 }, filter_query => q{'{"cell": 5}'}, invitation_frequency => "'1 hour'");
my ($where) = grep { $cells->sql($_, "SELECT seats_granted FROM trees.gig WHERE id = $gig") == 1 } 1 .. 4;
my %seen = ($where => 1);
for (2 .. 4)
{
	$cells->waves;
	$cells->settle;
	($where) = grep { $cells->sql($_, "SELECT seats_granted FROM trees.gig WHERE id = $gig") == 1 } 1 .. 4;
	$seen{$where}++;
}
is(join(' ', sort keys %seen), '1 2 3 4', 'a seat that nobody is found for has been everywhere');
$cells->waves;
$cells->settle;
is($cells->sql($where, "SELECT seats_granted FROM trees.gig WHERE id = $gig"), 1, '… and does not go round at once');
is(front("SELECT count(*) FROM cells.due WHERE gig_id = $gig AND at > now() + interval '50 minutes'"), 1, '… but when a wave could come');
front(q{ALTER DATABASE front SET cirro.clock = } . "'" . front(q{SELECT now() + interval '1 hour 10 minutes'}) . "'");
front('CALL cells.move()');
is($cells->sql($where, "SELECT seats_granted FROM trees.gig WHERE id = $gig"), 0, 'it does then');
front('ALTER DATABASE front RESET cirro.clock');
$cells->settle;
sound('gone round', $gig);

# ---------------------------------------------------------------- seats_min --
$gig = gig({ seats_min => 3, total_seats => 6 });
my ($first, @rest) = grep { $cells->sql($_, "SELECT seats_granted FROM trees.gig WHERE id = $gig") == 1 } 1 .. 4;
is(scalar @rest, 2, 'as many seats are out as are looked for');
is(front("SELECT cells.pool($gig)"), 3, 'the front has the others');
$cells->waves;
$cells->settle;
@in = (undef, map { [ invited($_, $gig) ] } 1 .. 4);
ok(@{ $in[$_] } >= $workers, "waves look for somebody in cell $_") for $first, @rest;
is(accepts($in[$first][0]), 'accepted', 'the first');
is(accepts($in[$first][1]), 'accepted', 'the second, with a seat of the front\'s');
$cells->settle;
is(front("SELECT sum((l).granted), sum((l).accepted), cells.pool($gig) FROM unnest(cells.looks($gig)) l"), '3|2|3', '… and one seat less is looked for');
is(accepts($in[$_][2]), 'accepted', "more than seats_min: $_") for $first, @rest;
$cells->settle;
is(front("SELECT sum((l).granted), sum((l).accepted), cells.pool($gig) FROM unnest(cells.looks($gig)) l"), '5|5|1', 'no seat is free in a cell any more');
is(accepts($in[$rest[0]][3]), 'accepted', 'the last');
is(accepts($in[$rest[0]][4]), 'UG011', 'and it is filled');
leave($in[$first][0]);
$cells->settle;
is(front("SELECT sum((l).granted), cells.pool($gig) FROM unnest(cells.looks($gig)) l"), '5|1', 'one that comes free goes to the front');
sound('seats_min', $gig);

$gig = gig({ seats_min => 4 }, invitation_mode => "'manual'");
invite($gig, $workers);
@in = (undef, map { [ invited($_, $gig) ] } 1 .. 4);
is(join(' ', map { accepts($in[1][$_]) } 0 .. 4), 'accepted accepted accepted accepted accepted', 'without a limit there is none');
$cells->settle;
is(front("SELECT sum((l).granted), sum((l).accepted) FROM unnest(cells.looks($gig)) l"), '5|5', '… and none is free');
sound('no limit', $gig);

# ---------------------------------------------------------------- seats_max --
$gig = gig({ seats_max => 4 });
$cells->waves;
$cells->settle;
@in = (undef, map { [ invited($_, $gig) ] } 1 .. 4);
is(accepts($in[1][0]), 'accepted', 'one');
is(accepts($in[2][0]), 'accepted', 'two');
is(status(1, $in[1][1]), 'pending', 'a cell that is full expires nothing');
is(accepts($in[2][1]), 'accepted', 'three');
is(accepts($in[2][2]), 'accepted', 'four');
$cells->settle;
is(status($_, $in[$_][5]), 'expired seats_filled', "at seats_max the rest expires in cell $_") for 1 .. 4;
is($cells->try(0, "SELECT cells.accept($in[4][5])"), 'UG011', '… and cannot be accepted');
is(try_accept($in[4][5], 'true'), 'waiting', 'it can wait');
leave($in[2][0]);
$cells->settle;
is(status(4, $in[4][5]), 'accepted', '… for a seat of another cell');
leave($in[2][1]);
$cells->sql($_, "UPDATE trees.gig_state SET last_due_at = NULL WHERE gig_id = $gig") for 1 .. 4;
$cells->settle;
$cells->sql($_, "SET client_min_messages = error; SELECT trees.run_wave($gig)") for 1 .. 4;
ok($cells->each_cell("SELECT count(*) FROM trees.invitation WHERE gig_id = $gig AND status = 'pending'") ne '0 0 0 0', 'who leaves opens it again');
sound('seats_max', $gig);

# What is locked when the rest expires.
my $locked = gig({ seats_max => 1 }, invitation_mode => "'manual'");
my ($has) = grep { $cells->sql($_, "SELECT seats_granted FROM trees.gig WHERE id = $locked") == 1 } 1 .. 4;
my $lacks = $has % 4 + 1;
$cells->sql($has, "SELECT FROM trees.invite($locked, ARRAY(SELECT id FROM trees.worker ORDER BY id LIMIT 1))");
$cells->sql($lacks, "UPDATE trees.gig SET seats_granted = 1 WHERE id = $locked;
	SELECT FROM trees.invite($locked, ARRAY(SELECT id FROM trees.worker ORDER BY id LIMIT 1)); UPDATE trees.gig SET seats_granted = 0 WHERE id = $locked");
my ($open) = invited($lacks, $locked);
is(accepts((invited($has, $locked))[0]), 'accepted', 'the only seat');
front(q{SELECT FROM dblink_connect('holder', '} . $cells->connect($lacks) . qq{');
SELECT FROM dblink_exec('holder', 'BEGIN');
SELECT FROM dblink('holder', 'SELECT 1 FROM trees.invitation WHERE id = $open FOR UPDATE') d (x int);
CALL test.settle()});
is(status($lacks, $open), 'pending', 'what is locked does not expire');
front('UPDATE cells.due SET at = now() WHERE at > now()');
$cells->settle;
is(status($lacks, $open), 'expired seats_filled', '… but later');
sound('locked', $locked);

# ------------------------------------------------------------- crashes, restores --
# Killed after each step of a transfer, as above; here the mover finds it.
$gig = gig({ total_seats => 8 }, invitation_mode => "'manual'");
is($cells->stands($gig), '2/0 2/0 2/0 2/0', 'two each');
release(1, $gig, 2, 2);
release(0, $gig, 3, 9);
$cells->settle;
is($cells->stands($gig), '0/0 4/0 2/0 2/0', 'what is in flight arrives');
sound('redelivered', $gig);
# Cell 2 is restored from a backup from before it got them, cell 1 from before it gave them.
sub restored { my ($cell, $given, $got, $granted) = @_;
	$cells->sql($cell, "UPDATE cells.seats SET given = $given WHERE gig_id = $gig AND peer = " . ($cell == 1 ? 2 : 0) . ";
		UPDATE cells.seats SET got = $got WHERE gig_id = $gig AND peer = " . ($cell == 1 ? 0 : 1) . ";
		UPDATE cells.gig SET granted = $granted WHERE gig_id = $gig; UPDATE trees.gig SET seats_granted = $granted WHERE id = $gig") }
restored(2, 0, 0, 2);
$cells->settle;
is($cells->stands($gig), '0/0 4/0 2/0 2/0', 'a cell that has forgotten what it got gets it');
restored(1, 0, 2, 2);
like($cells->wrong, qr/got more than was given/, 'a cell that has forgotten what it gave is seen');
$cells->settle;
is($cells->stands($gig), '0/0 4/0 2/0 2/0', '… and is told');
sound('restored', $gig);
# What the front knows is as old then.
front("UPDATE cells.seats SET given = 0 WHERE gig_id = $gig AND peer = 4; DELETE FROM cells.known WHERE gig_id = $gig AND cell = 4");
$cells->settle;
sound('the front restored', $gig);

# A cell that cannot be reached keeps its seats; the others go on.
front(q{UPDATE cells.cell SET connect = 'host=/nonexistent' WHERE number = 4});
invite($gig, $workers);
@in = (undef, map { [ invited($_, $gig) ] } 1 .. 4);
$cells->move;
is(front('SELECT number FROM cells.cell WHERE error IS NOT NULL'), 4, 'a cell is down');
is(join(' ', map { accepts($in[2][$_]) } 0 .. 5), join(' ', ('accepted') x 6), 'seats of the others are taken');
is(accepts($in[3][0]), 'UG011', 'those of the one that is down are its own');
isnt($cells->try(0, "SELECT cells.accept($in[4][0])"), 'accepted', 'whom it has invited cannot be answered');
my $late = front("INSERT INTO trees.gig (title, url, start_at, end_at, total_seats, filter_query) VALUES ('Late', 'u', now() + '1 day', now() + '2 days', 6, '{}') RETURNING id");
front("UPDATE trees.gig SET title = 'Later' WHERE id = $gig");
$cells->move for 1 .. 3;
is($cells->stands($late), '2/0 2/0 2/0 -', 'a new gig is shared by those that are there');
front("UPDATE cells.cell SET connect = '" . $cells->connect(4) . "', serves = false WHERE number = 4");
$cells->settle;
is($cells->stands($late), '2/0 2/0 2/0 0/0', 'it has the gig once it is back');
is($cells->sql(4, "SELECT title FROM trees.gig WHERE id = $gig"), 'Later', '… and what changed');
is(accepts($in[4][0]), '57P03', 'a cell out of service is asked nothing');
front('UPDATE cells.cell SET serves = true');
is(accepts($in[4][0]), 'accepted', '… until it serves');
is(accepts($in[3][0]), 'accepted', 'its seats are for all again');
sound('back', $gig);
front(q{UPDATE cells.cell SET connect = (SELECT connect FROM cells.cell WHERE number = 1) WHERE number = 4});
$cells->move;
like(front('SELECT error FROM cells.cell WHERE number = 4'), qr/this is cell 1, not 4/, 'one cell is not taken for another');
front("UPDATE cells.cell SET connect = '" . $cells->connect(4) . "' WHERE number = 4");
$cells->settle;

# What a database sets for its sessions does not count.
$cells->each_cell('CREATE FUNCTION public.setting(name text) RETURNS text LANGUAGE sql RETURN current_setting(name)');
front(q{CREATE FUNCTION test.setting(name text, cell int) RETURNS text LANGUAGE plproxy AS 'CONNECT cells.connect_of(cell); SELECT public.setting(name);'});
$cells->sql(1, q{ALTER DATABASE cell1 SET default_transaction_isolation = 'repeatable read'; ALTER DATABASE cell1 SET statement_timeout = '1 h'});
is(front(q{SELECT string_agg(test.setting(s, 1), ' ') FROM unnest('{transaction_isolation,statement_timeout,lock_timeout}'::text[]) s}),
	'read committed 0 5s', 'calls run with settings that are known');
$cells->sql(1, 'ALTER DATABASE cell1 RESET ALL');
# Who holds a gig in a cell holds nobody else.
my ($held, $next) = (gig({ total_seats => 4 }), gig({ total_seats => 4 }));
front(qq{UPDATE cells.cell SET connect = "options='-c lock_timeout=100ms' " || connect WHERE number = 1} =~ s/"/\$\$/gr);
is(front(qq{
SELECT FROM dblink_connect('holder', '} . $cells->connect(1) . qq{');
SELECT FROM dblink_exec('holder', 'BEGIN');
SELECT FROM dblink('holder', 'SELECT 1 FROM trees.gig WHERE id = $held FOR UPDATE') d (x int);
UPDATE trees.gig SET title = 'Later' WHERE id IN ($held, $next);
CALL cells.move();
SELECT d.x FROM dblink('dbname=cell1 ' || '} . $cells->connect(1) . qq{', 'SELECT string_agg(title, \$\$, \$\$ ORDER BY id) FROM trees.gig WHERE id IN ($held, $next)') d (x text)}),
	'Plant trees, Later', 'a gig that is locked in a cell keeps no other from it');
front("UPDATE cells.cell SET connect = '" . $cells->connect(1) . "' WHERE number = 1; UPDATE cells.copy SET retry_at = NULL");
$cells->settle;
is($cells->sql(1, "SELECT string_agg(title, ', ') FROM trees.gig WHERE id IN ($held, $next)"), 'Later, Later', '… and is told afterwards');

# Seats lowered, and the mover has not come by: a cell has more than it may give.
my $lower = gig({ total_seats => 8 }, invitation_mode => "'manual'");
invite($lower, 2);
my @lower = invited(1, $lower);
is(accepts($lower[0]), 'accepted', 'one of eight');
front("UPDATE trees.gig SET total_seats = 1 WHERE id = $lower; SELECT cells.put_gigs(1)");
is(front("SET statement_timeout = '60 s'; SELECT outcome FROM cells.try_accept($lower[1])"), 'filled', 'one of one');
is($cells->try(0, "SET statement_timeout = '60 s'; SELECT cells.accept($lower[1])"), 'UG011', '… whoever asks');
# Raised, and the cell has not heard: it cannot give what it has.
front("UPDATE trees.gig SET total_seats = 2 WHERE id = $lower");
is($cells->try(0, "SET statement_timeout = '60 s'; SELECT cells.accept($lower[1])"), '40001', 'what a cell has and cannot give is not waited for without end');
is($cells->try(0, "SET statement_timeout = '60 s'; SELECT cells.try_accept($lower[1])"), '40001', '… nor by try_accept');
$cells->settle;
is(accepts($lower[1]), 'accepted', '… and given once it can');
sound('lowered and raised', $lower);

# Whoever fetched a seat from the front is killed before the cell has it.
my $flying = gig({ seats_min => 4, total_seats => 8 }, invitation_mode => "'manual'");
is(release(0, $flying, 2, 3), 3, 'the front gives two more');
$cells->settle;
is(front("SELECT count(*) FROM cells.flights($flying, cells.looks($flying))"), 0, 'what the front gave arrives, though no cell has changed');
sound('given by the front', $flying);

# A cell that has an error, and is back before the mover knows.
invite($flying, $workers);
my @flying = invited(1, $flying);
is(accepts($_), 'accepted', 'a seat') for @flying[0 .. 5];
is(accepts($_), 'accepted', 'a seat') for (invited(2, $flying))[0 .. 1];
front("UPDATE cells.cell SET error = 'was down' WHERE number = 3");
is(accepts((invited(3, $flying))[0]), 'UG011', 'it is filled, also for a cell that was down');
$cells->settle;

# The clock of the front was set back.
front("UPDATE cells.copy SET revision = revision + 3600000000 WHERE gig_id = $flying");
$cells->each_cell("UPDATE cells.gig SET revision = revision + 3600000000 WHERE gig_id = $flying RETURNING 1");
front("UPDATE trees.gig SET title = 'Later' WHERE id = $flying");
$cells->settle;
is($cells->each_cell("SELECT title FROM trees.gig WHERE id = $flying"), 'Later Later Later Later', 'a clock that was set back keeps no change from the cells');

# A cell is restored from a backup that is older than a gig.
$cells->sql(3, "SET session_replication_role = replica; DELETE FROM cells.seats WHERE gig_id = $held; DELETE FROM cells.gig WHERE gig_id = $held;
	SET session_replication_role = origin; ALTER TABLE trees.gig DISABLE TRIGGER USER; DELETE FROM trees.gig WHERE id = $held; ALTER TABLE trees.gig ENABLE TRIGGER USER;
	DELETE FROM trees.gig_state WHERE gig_id = $held; DELETE FROM trees.gig_filter WHERE gig_id = $held; DELETE FROM trees.gig_key WHERE gig_id = $held");
$cells->settle;
is($cells->stands($held), '1/0 1/0 - 1/0', 'a cell has forgotten a gig');
like($cells->wrong, qr/3\|says nothing of the gig/, '… which is seen');
front('UPDATE cells.cell SET serves = false WHERE number = 3');
is(front("SELECT count(*) FROM cells.copy WHERE gig_id = $held"), 3, 'out of service it is told again, and no other');
$cells->settle;
is($cells->stands($held), '1/0 1/0 1/0 1/0', '… and has its seats');
front('UPDATE cells.cell SET serves = true');
sound('a gig forgotten', $held);

# Seats do not go astray where a cell is taken for another, though the mover is off.
front(q{UPDATE cells.cell SET connect = (SELECT connect FROM cells.cell WHERE number = 1) WHERE number = 4});
is($cells->try(0, "SELECT cells.at_receive(4, $held, 2, 1)"), '55000', 'one cell does not get what another is given');
is($cells->try(0, "SELECT cells.at_release(4, $held, 2, 1, false)"), '55000', '… nor gives for it');
front("UPDATE cells.cell SET connect = '" . $cells->connect(4) . "' WHERE number = 4");

# What one cell refuses is told, and keeps nobody else.
$cells->sql(3, q{INSERT INTO trees.gig (ref, title, url, start_at, end_at, total_seats, filter_query) VALUES ('mine', 't', 'u', now() + '1 day', now() + '2 days', 1, '{}')});
my $mine = front(q{INSERT INTO trees.gig (ref, title, url, start_at, end_at, total_seats, filter_query) VALUES ('mine', 't', 'u', now() + '1 day', now() + '2 days', 3, '{}') RETURNING id});
$cells->move for 1 .. 3;
is($cells->stands($mine), '1/0 1/0 - 1/0', 'a cell cannot have it');
like($cells->wrong, qr/3\|does not have the gig as it is here\|.*gig_ref_key/, '… which is told');
$cells->sql(3, q{DELETE FROM trees.gig WHERE ref = 'mine'});
front('UPDATE cells.copy SET retry_at = NULL');
$cells->settle;
is($cells->stands($mine), '1/0 1/0 0/0 1/0', '… until it can');

# ------------------------------------------------------------------- the end --
front("SELECT trees.cancel($mine)");
$cells->settle;
is($cells->each_cell("SELECT phase FROM trees.gig_status WHERE gig_id = $mine"), 'ended ended ended ended', 'cancelled in each cell');
is(release(1, $mine, 2, 5), 0, 'seats of what is over do not move');
front("SELECT trees.archive($mine)");
$cells->settle;
is($cells->each_cell("SELECT phase FROM trees.gig_status WHERE gig_id = $mine"), 'archived archived archived archived', 'archived in each cell');
front("UPDATE trees.gig SET start_at = now() - interval '1 hour', end_at = now() + interval '3 days' WHERE id = $late");
$cells->settle;
front("UPDATE trees.gig SET end_at = now() + interval '4 days' WHERE id = $late");
$cells->settle;
front("SELECT trees.archive($late)");
$cells->settle;
is($cells->each_cell("SELECT phase FROM trees.gig_status WHERE gig_id = $late"), 'archived archived archived archived', 'so is what has started');
is(front("SELECT (cells.leave($in[4][0])).status"), 'left', 'a call by name');
is(front('SELECT count(*) FROM cells.due WHERE at <= now()'), 0, 'nothing is left to be done');
is($cells->wrong, '', 'nothing is wrong');

# A role of the application's needs the answers alone.
front('CREATE ROLE app; GRANT USAGE ON SCHEMA cells TO app');
is($cells->try(0, "SET ROLE app; SELECT (cells.accept($in[4][0])).status"), 'UG012', 'it may answer');
is($cells->try(0, "SET ROLE app; SELECT cells.settle($gig)"), '42501', '… and no more');
is($cells->try(0, 'SET ROLE app; SELECT * FROM cells.cell'), '42501', '… nor see where the cells are');

done_testing();
