-- Three seats, no waves. Two helpers are sure to come, the newcomer is asked.
INSERT INTO crowd.gig (ref, title, description, url, start_at, end_at, total_seats, invitation_mode, filter_query)
VALUES ('meetup', 'Welcome people at the meetup', 'Show them in and hand out badges.',
	'https://example.org/meetup', now() + interval '3 days', now() + interval '3 days 4 hours', 3, 'manual', '{}');
SELECT outcome FROM crowd.invite(crowd.gig_id('meetup'),
	ARRAY(SELECT id FROM crowd.worker WHERE ref <> 'newcomer' ORDER BY id LIMIT 2), auto_accept => true);
SELECT outcome FROM crowd.invite(crowd.gig_id('meetup'), ARRAY[crowd.worker_id('newcomer')]);
