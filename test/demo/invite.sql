-- Six designers with the most time, to be invited in half an hour.
SELECT worker_id, outcome FROM crowd.invite(crowd.gig_id('logo'),
	ARRAY(SELECT id FROM crowd.worker
		WHERE cirro.matches(profile, '{"role": "User Experience Designer"}')  -- who
		ORDER BY profile -> 'hours_per_week' DESC NULLS LAST, id LIMIT 6),
	send_at => cirro.now() + interval '30 minutes');
