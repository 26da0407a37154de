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
	$self->sql(0, join '', map { "INSERT INTO cells.cell (number, connect) VALUES ($_, '" . $self->connect($_) . "');\n" } 0 .. $what{cells});
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

# In each of the cells, one after the other.
sub each_cell
{
	my ($self, $sql) = @_;
	return join ' ', map { $self->sql($_, $sql) } 1 .. $self->{n};
}

# A tick in each cell.
sub waves
{
	my ($self) = @_;
	return $self->each_cell(q{SET client_min_messages = error; CALL cirro.run_waves('trees')});
}

# A tick of the mover.
sub move
{
	my ($self) = @_;
	return $self->sql(0, 'CALL cells.move()');
}

# Until nothing is left to be done; fails after so many ticks.
sub settle
{
	my ($self, $name) = @_;

	for (1 .. 50)
	{
		$self->move;
		return 1 if $self->sql(0, q{SELECT NOT EXISTS (SELECT FROM cells.due WHERE at <= clock_timestamp())
			AND NOT EXISTS (SELECT FROM cells.change)}) eq 't';
	}
	return fail(($name // 'it') . ' settles');
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
		. $self->each_cell('SELECT * FROM trees.check_consistency()') =~ s/^ +$//r;
}

1;
