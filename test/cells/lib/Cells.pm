# A front and cells on clusters of their own, made by examples/cells as its README says.
# Must not judge: the tests do.
package Cells;

use strict;
use warnings;
use FindBin;
use PostgreSQL::Test::Cluster;
use Test::More;
use Time::HiRes qw(usleep);

my $examples = "$FindBin::RealBin/../../examples/cells";

# Cells->new(cells => 4, clusters => 2, conf => "…"): cells 1 to 4 on so many clusters, the
# front on one of its own; clusters => 0: all on the front's.
sub new
{
	my ($class, %what) = @_;
	my $self = bless { n => $what{cells} }, $class;
	my @nodes;

	for my $name ('front', map { "cells$_" } 1 .. $what{clusters})
	{
		my $node = PostgreSQL::Test::Cluster->new($name);
		$node->init;
		# What is acknowledged is in the hands of the kernel, which outlives a kill: no fsync.
		$node->append_conf('postgresql.conf', "fsync = off\nmax_connections = 60\n" . ($what{conf} // ''));
		$node->start;
		push @nodes, $node;
	}
	$self->{nodes} = \@nodes;
	for my $cell (0 .. $what{cells})
	{
		my $node = $cell == 0 || @nodes == 1 ? $nodes[0] : $nodes[ 1 + ($cell - 1) * $what{clusters} / $what{cells} ];
		my $db = $cell ? "cell$cell" : 'front';

		$self->{node}[$cell] = $node;
		$self->{db}[$cell] = $db;
		$node->safe_psql('postgres', "CREATE DATABASE $db");
		$self->sql($cell, q{CREATE EXTENSION cirro; SELECT cirro.create_space('trees')});
		$node->command_ok([ 'psql', '-XqAt', '-d', $node->connstr($db), '-v', 'space=trees', '-v', "cell=$cell",
				'-f', $cell ? "$examples/cell.sql" : "$examples/front.sql" ], "$db is made");
	}
	# What is asked of each cell goes through the front: one psql for all.
	$self->sql(0, q{
CREATE EXTENSION dblink;
CREATE SCHEMA test;
CREATE TABLE test.cell (number int, connect text);
CREATE FUNCTION test.each(what text) RETURNS text LANGUAGE sql AS $$
	SELECT string_agg(d.said, ' ' ORDER BY c.number) FROM test.cell c
	CROSS JOIN LATERAL (SELECT string_agg(x, E'\n') FROM public.dblink(c.connect, each.what) d (x text)) d (said)
	WHERE c.number > 0
$$;
CREATE PROCEDURE test.settle() LANGUAGE plpgsql AS $$
DECLARE
	before text;
	now_known text := '';
BEGIN
	FOR i IN 1 .. 50 LOOP
		before := now_known;
		CALL cells.move();
		now_known := (SELECT md5(string_agg(k::text, ' ' ORDER BY k.gig_id, k.cell)) FROM cells.known k);
		IF now_known IS NOT DISTINCT FROM before AND NOT EXISTS (SELECT FROM cells.due WHERE at <= clock_timestamp()) AND NOT EXISTS (SELECT FROM cells.change) THEN
			RETURN;
		END IF;
	END LOOP;
	RAISE 'it does not settle: % % % %', (SELECT array_agg(c) FROM cells.cell c WHERE c.error IS NOT NULL), (SELECT array_agg(h) FROM cells.change h),
		(SELECT array_agg((d, p)) FROM cells.due d CROSS JOIN LATERAL cells.plan(d.gig_id, ARRAY(SELECT k FROM cells.known k WHERE k.gig_id = d.gig_id)) p),
		(SELECT array_agg(k) FROM cells.known k WHERE k.gig_id IN (SELECT d.gig_id FROM cells.due d));
END $$;
});
	$self->sql(0, join '', map { "INSERT INTO cells.cell (number, connect) VALUES ($_, '" . $self->connect($_) . "');\n" } 0 .. $what{cells});
	$self->sql(0, 'INSERT INTO test.cell SELECT number, connect FROM cells.cell');
	return $self;
}

sub connect
{
	my ($self, $cell) = @_;
	my $node = $self->{node}[$cell];

	return sprintf 'host=%s port=%s dbname=%s user=%s', $node->host, $node->port, $self->{db}[$cell], scalar getpwuid $<;
}

# What psql answers in a cell, or at the front (0).
sub sql
{
	my ($self, $cell, $sql) = @_;
	return $self->{node}[$cell]->safe_psql($self->{db}[$cell], $sql);
}

# The SQLSTATE of an error, or the answer.
sub try
{
	my ($self, $cell, $sql) = @_;
	my ($code, $out, $err) = $self->{node}[$cell]->psql($self->{db}[$cell], "\\set VERBOSITY verbose\n$sql");

	return $err =~ /ERROR:  (\w+):/ ? $1 : $out;
}

# What one column of a query is in each of the cells.
sub each_cell
{
	my ($self, $sql) = @_;
	return $self->sql(0, "SELECT test.each(\$each\$$sql\$each\$)");
}

# A tick in each cell.
sub waves
{
	my ($self) = @_;
	return $self->each_cell(q{CALL cirro.run_waves('trees')});
}

# A tick of the mover.
sub move
{
	my ($self) = @_;
	return $self->sql(0, 'CALL cells.move()');
}

# Until nothing is left to be done, or 50 ticks are over.
sub settle
{
	my ($self) = @_;
	return $self->sql(0, 'CALL test.settle()');
}

# How it stands with a gig in each cell: "granted/accepted …".
sub stands
{
	my ($self, $gig) = @_;
	return $self->each_cell("SELECT coalesce((SELECT g.seats_granted || '/' || s.accepted FROM trees.gig g
		JOIN trees.gig_state s ON s.gig_id = g.id WHERE g.id = $gig), '-')");
}

# What is wrong with any gig, or in any cell.
sub wrong
{
	my ($self) = @_;
	return $self->sql(0, 'SELECT g.id, w.* FROM trees.gig g CROSS JOIN LATERAL cells.wrong(g.id) w')
		. $self->sql(0, 'SELECT * FROM trees.check_consistency()')
		. $self->each_cell('SELECT c::text FROM trees.check_consistency() c');
}

1;
