# A ring for a test: a front and its back ends, each a cluster of its own on a private
# socket, made by the files of examples/ring as its README says. Decides nothing about
# Spaces, and must not make any: the tests do.
package Ring;

use strict;
use warnings;
use Exporter 'import';
use FindBin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

our @EXPORT = qw(ring_node ring_front ring_back_end dispatch);

our $examples = "$FindBin::RealBin/../../examples/ring";

# Whoever runs this: the superuser is asked for by name.
$ENV{PGUSER} = 'postgres';

# A running cluster with an empty database, of the cluster's name, beside "postgres".
sub ring_node
{
	my ($name, $conf) = @_;
	my $node = PostgreSQL::Test::Cluster->new($name);

	$node->init(extra => [ '-U', 'postgres' ], allows_streaming => 'logical');
	$node->append_conf('postgresql.conf', "fsync = off\nmax_connections = 100\nmax_prepared_transactions = 10\n" . ($conf // ''));
	$node->start;
	$node->safe_psql('postgres', "CREATE DATABASE $name");
	return $node;
}

# Runs a file of examples/ring in the database of the node's name.
sub _file
{
	my ($node, $file) = @_;
	$node->command_ok([ 'psql', '-X', '-q', '-d', $node->name, '-f', "$examples/$file" ], $node->name . ": $file runs");
	return $node;
}

# The front; and a back end, which the front is told of, with more for its connection
# string if need be.
sub ring_front { my ($name, $conf) = @_; return _file(ring_node($name // 'front', $conf), 'front.sql') }

sub ring_back_end
{
	my ($front, $name, $conf, $more) = @_;
	my $node = _file(ring_node($name, $conf), 'back_end.sql');
	my $connect = sprintf "host='%s' port=%d dbname=%s %s", $node->host, $node->port, $name, $more // '';

	$front->safe_psql($front->name, "INSERT INTO ring.back_end VALUES ('$name', \$c\$$connect\$c\$)");
	return $node;
}

# examples/ring/dispatch; its exit code, and what it prints.
sub dispatch
{
	my ($front, @arguments) = @_;
	local %ENV = (%ENV, PGHOST => $front->host, PGPORT => $front->port, PGDATABASE => $front->name);
	my $out = '';
	my $ok = IPC::Run::run [ "$examples/dispatch", @arguments ], '>&', \$out;

	return ($ok ? 0 : 1, $out);
}

1;
