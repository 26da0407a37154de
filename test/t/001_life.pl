# The whole life of a gig on the real clock, in a few seconds: waves by CALL as
# a scheduler would, accepts, a worker who leaves and so re-opens the search,
# seats_max that expires the rest, start, end, archive, and what the Space and
# its workers are told of it, each once.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep time);

my $node = PostgreSQL::Test::Cluster->new('life');
$node->init;
$node->append_conf('postgresql.conf', "fsync = off");
$node->start;

sub sql { return $node->safe_psql('postgres', $_[0]) }
sub tick { sql('CALL cirro.run_waves()') }

# Ticks until the query says true; fails after some seconds.
sub tick_until
{
	my ($query, $what) = @_;
	my $until = time + 60;
	my $result = '';

	while (time < $until)
	{
		tick();
		$result = sql($query);
		last if $result eq 't';
		sleep 0.1;
	}
	is($result, 't', $what);
}

sub statuses
{
	return sql(q{SELECT string_agg(status || ' ' || n, ', ' ORDER BY status) FROM (
		SELECT status, count(*) n FROM trees.invitation GROUP BY 1) s});
}

sub status { return sql("SELECT $_[0] FROM trees.gig_status") }

# Nine speak German; two of them are away.
sql(q{
CREATE EXTENSION cirro;
SELECT cirro.create_space('trees');
INSERT INTO trees.worker (ref, profile, active)
SELECT 'w' || n, jsonb_build_object('languages', CASE WHEN n <= 11 THEN '["de", "en"]' ELSE '["en"]' END::jsonb), n > 2
FROM generate_series(1, 30) n;
INSERT INTO trees.gig (ref, title, url, start_at, end_at, archive_at, seats_min, seats_max,
	invitation_multiplier, invitation_frequency, filter_query, notification_payload)
VALUES ('g', 'Plant', 'https://example.org/g', now() + '30 s', now() + '34 s', now() + '38 s', 2, 3,
	2, '3 s', '{"languages": "de"}', '{"template": "x"}');
});
my $begun = time;
is(status('phase'), 'created', 'a gig is created');

# Seats: two wanted, so four are invited, long before the start.
tick();
is(statuses(), 'pending 4', 'the first wave is due at once');
tick();
is(statuses(), 'pending 4', 'the next is not due yet');
is(sql(q{SELECT count(*) FROM trees.invitation i JOIN trees.worker w ON w.id = i.worker_id
	WHERE NOT w.active OR NOT w.profile OPERATOR(cirro.@@) '{"languages": "de"}'}), '0',
	'only active workers who match are invited');
is(sql(q{SELECT count(*), count(DISTINCT payload->>'event_id'), bool_and(still_valid),
	min(payload->'gig'->>'title'), min(kind), min(payload->'notification_payload'->>'template')
	FROM trees.claim_notifications()}), '4|4|t|Plant|invitation.created|x', 'they are told');
is(sql('SELECT count(*) FROM trees.claim_notifications()'), '0', 'once');
is(sql('SELECT trees.confirm_notifications(max(claim)) FROM trees.notification'), '4', 'for sure');

tick_until("SELECT count(*) = 8 FROM trees.invitation", 'nobody answers: the second wave');
sql('SELECT trees.accept(min(id)) FROM trees.invitation');
sql('SELECT trees.reject(min(id) + 1) FROM trees.invitation');
tick_until("SELECT count(*) = 9 FROM trees.invitation", 'a wave for the one seat that is left finds the last one');
tick_until("SELECT outcome = 'exhausted' AND invited = 0 FROM trees.wave ORDER BY number DESC LIMIT 1",
	'then there is nobody left');
is(sql(q{SELECT string_agg(outcome || ' ' || wanted || ' ' || invited, ', ' ORDER BY number) FROM trees.wave}),
	'invited 4 4, invited 4 4, invited 2 1, exhausted 2 0', 'four waves');

# The target is two: no more waves, but the third seat can be taken.
sql(q{SELECT trees.accept((SELECT id FROM trees.invitation WHERE status = 'pending' ORDER BY id LIMIT 1))});
is(status('accepted, vacancies, next_wave_at IS NULL'), '2|1|t', 'at seats_min waves stop');
sql(q{SELECT trees.leave((SELECT id FROM trees.invitation WHERE status = 'accepted' ORDER BY id LIMIT 1))});
is(status('accepted, departed, next_wave_at IS NOT NULL'), '1|1|t', 'one leaves, the search is open again');
sql(q{SELECT trees.accept(id) FROM (SELECT id FROM trees.invitation WHERE status = 'pending' ORDER BY id LIMIT 2) i});
is(status('accepted, pending, expired'), '3|0|4', 'at seats_max the others expire');
is(sql(q{SELECT string_agg(DISTINCT reason, ',') FROM trees.invitation WHERE status = 'expired'}),
	'seats_filled', 'and the reason is said');
is(sql(q{SELECT outcome FROM trees.try_accept((SELECT id FROM trees.invitation WHERE status = 'expired' LIMIT 1))}),
	'filled', 'they come too late');
my $waves = status('waves');

# A seat comes free; who was expired by the filling is invited anew.
sql(q{SELECT trees.leave((SELECT id FROM trees.invitation WHERE status = 'accepted' ORDER BY id DESC LIMIT 1), 'ill')});
is(status('accepted, next_wave_at IS NULL'), '2|t', 'two are enough');
sql(q{SELECT trees.leave((SELECT id FROM trees.invitation WHERE status = 'accepted' ORDER BY id DESC LIMIT 1))});
tick_until("SELECT count(*) = 2 FROM trees.invitation WHERE times_invited = 2 AND status = 'pending'",
	'one seat, two invited again');
is(status("waves - $waves"), '1', 'in one wave');
sql(q{SELECT trees.accept((SELECT id FROM trees.invitation WHERE status = 'pending' ORDER BY id LIMIT 1))});
cmp_ok(time - $begun, '<', 30, 'in time');

# Start, end, archive.
tick_until("SELECT phase = 'started' FROM trees.gig_status", 'started');
is(($node->psql('postgres', "UPDATE trees.gig SET title = 'Dig'"))[0], 3, 'its title is frozen');
is(($node->psql('postgres', "DELETE FROM trees.gig"))[0], 3, 'it cannot be deleted');
tick_until("SELECT phase = 'ended' FROM trees.gig_status", 'ended');
tick();		# the last one may have been just before the end
is(sql(q{SELECT string_agg(status || ' ' || coalesce(reason, ''), ', ' ORDER BY id) FROM trees.invitation
	WHERE status IN ('pending', 'expired') AND times_invited = 2}), 'expired gig_ended', 'what was open is expired');
is(($node->psql('postgres',
	q{SELECT trees.leave((SELECT id FROM trees.invitation WHERE status = 'accepted' LIMIT 1))}))[0],
	3, 'nobody leaves any more');
tick_until("SELECT phase = 'archived' FROM trees.gig_status", 'archived');
tick() for 1 .. 3;
is(sql(q{SELECT string_agg(kind || ' ' || n, ', ' ORDER BY kind) FROM (
	SELECT kind, count(*) n FROM trees.event WHERE kind IN ('gig.started', 'gig.ended', 'gig.archived') GROUP BY 1) k}),
	'gig.archived 1, gig.ended 1, gig.started 1', 'each was announced once');
is(sql('SELECT next_event_at IS NULL FROM trees.gig_state'), 't', 'nothing is left to do');
is(sql('SELECT archived_at IS NULL FROM trees.gig'), 't', 'the tick does not write archived_at');
is(sql(q{SELECT string_agg(kind, ', ' ORDER BY id) FROM trees.event WHERE kind IN ('gig.filled', 'gig.reopened', 'gig.changed')}),
	'gig.filled, gig.reopened', 'it was filled once, and had a seat again');
is(sql(q{SELECT count(*) FROM trees.event WHERE kind = 'invitation.created'}), '9',
	'nine were invited for the first time');
is(sql('SELECT * FROM trees.check_consistency()'), '', 'consistent');

# Who wants to be woken (docs/concepts.md): by a wave, and by an answer.
sql(q{
CREATE FUNCTION trees.wake() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN NOTIFY trees; RETURN NULL; END $$;
CREATE TRIGGER wake AFTER INSERT ON trees.notification
    FOR EACH STATEMENT EXECUTE FUNCTION trees.wake();
INSERT INTO trees.gig (title, url, start_at, end_at, total_seats, filter_query)
VALUES ('Plant again', 'u', now() + '1 h', now() + '2 h', 1, '{"languages": "de"}');
});
my $woken = qr/Asynchronous notification "trees"/;
like(sql(q{LISTEN trees; CALL cirro.run_waves();}), $woken, 'a wave wakes a deliverer who wants to be woken');
like(sql(q{LISTEN trees; SELECT trees.accept(max(id)) FROM trees.invitation;}), $woken, 'so does an answer');
unlike(sql('LISTEN trees; CALL cirro.run_waves();'), $woken, 'nothing new does not');

$node->stop;
done_testing();
