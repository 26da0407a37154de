# A client that speaks PostgreSQL's protocol itself, so that parameters can be
# sent in the binary format, well or ill made, and every error comes back with
# its SQLSTATE. It knows the statement that was on its way when a server dies.
#
# For servers of PostgreSQL::Test::Cluster that trust the socket. Must not mend
# what it is given.
package Wire;

use strict;
use warnings;
use IO::Select;
use IO::Socket::UNIX;

# How long an answer may take, in seconds: more than any statement_timeout.
our $patience = 60;

sub connect
{
	my ($class, $node, $user, $database) = @_;
	my $socket = IO::Socket::UNIX->new($node->host . '/.s.PGSQL.' . $node->port)
	  or die "cannot connect: $!";
	my $self = bless { socket => $socket, buffer => '', select => IO::Select->new($socket) }, $class;
	my $startup = pack('N', 196608) . join("\0", user => $user, database => $database, '', '');
	$self->_put(pack('N', length($startup) + 4) . $startup);
	my $answer = $self->_answer;
	die "cannot connect: $answer->{message}" if defined $answer->{state};
	return $self;
}

# The answer to a statement: {state, message} of the first error, none if all
# went well; {rows} as arrays of text. Parameters are text, NULL if undefined,
# or a reference to bytes in the binary format.
sub run
{
	my ($self, $sql, @parameters) = @_;
	$self->{last} = [ $sql, @parameters ];
	my $values = join '', map {
		my $value = ref $_ ? $$_ : $_;
		defined $value ? pack('N/a*', $value) : pack('N', 0xFFFFFFFF)
	} @parameters;
	my $n = @parameters;
	$self->_put(
		_message('P', "\0$sql\0" . pack('n', 0))
		  . _message('B', "\0\0" . pack('n', $n) . join('', map { pack('n', ref $_ ? 1 : 0) } @parameters)
			  . pack('n', $n) . $values . pack('n', 0))
		  . _message('E', "\0" . pack('N', 0))
		  . _message('S', ''));
	return $self->_answer;
}

# Any number of statements, without parameters.
sub script
{
	my ($self, $sql) = @_;
	$self->{last} = [$sql];
	$self->_put(_message('Q', "$sql\0"));
	return $self->_answer;
}

# The same in two steps, for whoever has several clients at work: an answer has come,
# or begun to, once there is something to read from the socket.
sub begin
{
	my ($self, $sql) = @_;
	$self->{last} = [$sql];
	$self->_put(_message('Q', "$sql\0"));
	return;
}

sub finish { return $_[0]->_answer }
sub socket { return $_[0]{socket} }

# What COPY FROM STDIN is given.
sub copy_in
{
	my ($self, $sql, $data) = @_;
	$self->{last} = [ $sql, \$data ];
	$self->_put(_message('Q', "$sql\0") . _message('d', $data) . _message('c', ''));
	return $self->_answer;
}

# The first field of the first row; dies of an error.
sub value
{
	my ($self, $sql, @parameters) = @_;
	my $answer = $self->run($sql, @parameters);
	die "$answer->{state}: $answer->{message}: $sql" if defined $answer->{state};
	return $answer->{rows}[0][0];
}

# What was sent last, for people to read and to repeat.
sub last_sent
{
	my ($self) = @_;
	return join "\n  ", map {
		my $bytes = ref $_ ? $$_ : $_;
		if (defined $bytes)
		{
			my $long = length($bytes) > 2000 ? ' (' . length($bytes) . ' bytes)' : '';
			$bytes = substr($bytes, 0, 2000);
			$bytes =~ s/([^\x20-\x7e])/sprintf('\x%02x', ord $1)/ge;
			$bytes .= $long;
		}
		defined $bytes ? (ref $_ ? "binary $bytes" : $bytes) : 'NULL'
	} @{ $self->{last} };
}

sub _message
{
	my ($type, $body) = @_;
	return $type . pack('N', length($body) + 4) . $body;
}

# A server that is gone shows when it is read from.
sub _put
{
	my ($self, $bytes) = @_;
	local $SIG{PIPE} = 'IGNORE';
	while (length $bytes)
	{
		my $written = syswrite $self->{socket}, $bytes;
		last unless defined $written;
		substr($bytes, 0, $written) = '';
	}
}

sub _get
{
	my ($self, $length) = @_;
	while (length($self->{buffer}) < $length)
	{
		die "no answer in $patience seconds\n" unless $self->{select}->can_read($patience);
		my $got = sysread $self->{socket}, $self->{buffer}, 65536, length $self->{buffer};
		die "the server closed the connection\n" unless $got;
	}
	return substr($self->{buffer}, 0, $length, '');
}

# Everything up to ReadyForQuery.
sub _answer
{
	my ($self) = @_;
	my %answer = (rows => []);
	while (1)
	{
		my ($type, $length) = unpack 'aN', $self->_get(5);
		my $body = $self->_get($length - 4);
		if ($type eq 'E')
		{
			my %field = map { (substr($_, 0, 1) => substr($_, 1)) } grep { length } split /\0/, $body;
			die "$field{V} $field{C}: $field{M}\n" if $field{V} ne 'ERROR';
			$answer{state} //= $field{C};
			$answer{message} //= $field{M};
			$answer{detail} //= $field{D} // '';
			$answer{context} //= $field{W} // '';
			$answer{place} //= "$field{F}:$field{L}";
		}
		elsif ($type eq 'D')
		{
			my $at = 2;
			my @row;
			for (1 .. unpack('n', $body))
			{
				my $size = unpack 'l>', substr($body, $at, 4);
				push @row, $size < 0 ? undef : substr($body, $at + 4, $size);
				$at += 4 + ($size > 0 ? $size : 0);
			}
			push @{ $answer{rows} }, \@row;
		}
		elsif ($type eq 'Z')
		{
			$self->{block} = $body;
			return \%answer;
		}
	}
}

1;
