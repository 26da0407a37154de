INSERT INTO crowd.gig (ref, title, url, start_at, end_at, total_seats,
	invitation_multiplier, invitation_frequency, filter_query)
VALUES ('now', 'Answer a survey', 'https://example.org/survey',
	now() + interval '1 day', now() + interval '2 days', 6, 3, '10 seconds',
	'{"hours_per_week": {"$gte": 10}, "resources": "Free Code Camp"}');  -- who
