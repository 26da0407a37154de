#!/usr/bin/perl
# test/fuzz/smith_log.pl: reads a server's log (log_error_verbosity = verbose) from
# standard input; fails if a process crashed or an internal error was raised, by
# cirro or by PostgreSQL itself. Whose an error is, is said by the source file
# behind LOCATION; PostgreSQL's own, found by random queries without cirro too,
# are listed here and must match whole messages.
use strict;
use warnings;

my @known = (
	# What core's functions say of arguments that only core gives them: states of
	# aggregates, type modifiers, lists of flags.
	qr/^expected \d-element (int8|interval) array$/,
	qr/^aggregate function called in non-aggregate context$/,
	qr/^(invalid INTERVAL|unrecognized interval) typmod: (0x)?[0-9a-f]+$/,
	qr/^tsquery stack too small$/,
	qr/^unexpected end of flag array$/,
	# A literal of no type where a value is needed.
	qr/^failed to find conversion function from unknown to \w+$/,
	# A plan node has no such entry: bugs of the planner that sqlsmith is known for.
	qr/^could not find (pathkey item to sort|commutator for operator \d+)$/,
	qr/^failed to build any \d+-way joins$/,
	qr/^variable not found in subplan target lists?$/);

my %ours = map { s{.*/}{}r => 1 } glob "src/*.[ch] src/*/*.[ch]";
my ($bad, $excused, $seen, $error) = (0, 0, 0, undef);
while (my $line = <STDIN>)
{
	$seen++ if $line =~ /(ERROR|STATEMENT):  /;
	if ($line =~ /PANIC:  |was terminated by signal|TRAP: |FATAL:  (XX|57P0[24])/)
	{
		print "crash: $line";
		$bad++;
	}
	$error = [ $1, $2 ] if $line =~ /ERROR:  (XX...|57014|53...|58...): (.*)/;
	next unless defined $error && $line =~ /LOCATION:  \S+, (\S+?):\d+/;
	my $file = $1;
	# What is slow or large is random, and PostgreSQL's to stop.
	if (!$ours{$file} && ($error->[0] !~ /^XX/ || grep { $error->[1] =~ $_ } @known))
	{
		$excused++;
	}
	elsif ($error->[0] =~ /^XX/)
	{
		print "$error->[0] $error->[1], raised in $file", ($ours{$file} ? ' of cirro' : ''), "\n";
		# The statement comes next.
		while (defined($line = <STDIN>))
		{
			print $line;
			last if $line =~ /STATEMENT:  /;
		}
		$bad++;
	}
	$error = undef;
}
print "$seen lines of errors, $excused of them limits or known to be PostgreSQL's; bad: $bad\n";
exit($bad > 0 || $seen == 0);
