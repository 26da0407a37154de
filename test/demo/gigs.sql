-- One seat. The most experienced are asked first (sort_query), four at a time.
INSERT INTO crowd.gig (ref, title, url, start_at, end_at, total_seats,
	invitation_multiplier, invitation_frequency, filter_query, sort_query)
VALUES ('review', 'Review our course', 'https://example.org/review',
	cirro.now() + interval '5 days', cirro.now() + interval '6 days', 1, 4, '10 minutes',
	'{"software_developer": true, "bootcamp.recommend": true}',  -- who
	'{"months_programming": -1}');

-- Forty seats, three invitations for each that is free, every 15 minutes.
INSERT INTO crowd.gig (ref, title, url, start_at, end_at, total_seats,
	invitation_multiplier, invitation_frequency, filter_query)
VALUES ('hackathon', 'Hackathon helpers', 'https://example.org/hackathon',
	cirro.now() + interval '7 days', cirro.now() + interval '9 days', 40, 3, '15 minutes',
	'{"events": "hackathons", "hours_per_week": {"$gte": 10}}');  -- who

-- At least 8, at most 12: waves until 8 have accepted; others may still say yes
-- until there are 12, when all open invitations expire.
INSERT INTO crowd.gig (ref, title, url, start_at, end_at, seats_min, seats_max,
	invitation_multiplier, invitation_frequency, filter_query)
VALUES ('study', 'Usability study', 'https://example.org/study',
	cirro.now() + interval '4 days', cirro.now() + interval '5 days', 8, 12, 20, '30 minutes',
	'{"$or": [{"resources": {"$all": ["Coursera", "EdX"]}}, {"bootcamp": {"$exists": true}}]}');  -- who

-- Very short notice: starts in 45 minutes, so a wave every minute.
INSERT INTO crowd.gig (ref, title, url, start_at, end_at, total_seats,
	invitation_multiplier, invitation_frequency, filter_query)
VALUES ('standin', 'Stand in for a mentor', 'https://example.org/standin',
	cirro.now() + interval '45 minutes', cirro.now() + interval '2 hours', 2, 5, '1 minute',
	'{"work_place": {"$in": ["from home", "no preference"]}, "role": {"$regex": "^Front-End"}}');  -- who

-- By hand: no waves, the Space names the workers itself, and the hour.
INSERT INTO crowd.gig (ref, title, url, start_at, end_at, total_seats, invitation_mode, filter_query)
VALUES ('logo', 'Draw a logo', 'https://example.org/logo',
	cirro.now() + interval '3 days', cirro.now() + interval '4 days', 2, 'manual',
	'{"role": "User Experience Designer"}');  -- who
