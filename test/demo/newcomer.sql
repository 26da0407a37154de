-- Somebody new has signed up and wants to work: which gigs are for her?
INSERT INTO crowd.worker (ref, profile) VALUES ('newcomer',
	'{"software_developer": true, "hours_per_week": 25, "months_programming": 30,
	  "events": ["hackathons"], "resources": ["Coursera", "EdX"],
	  "bootcamp": {"finished": true, "recommend": true}}');
SELECT g.title, a.outcome
FROM crowd.attempt_invitations(crowd.worker_id('newcomer')) AS a JOIN crowd.gig AS g ON g.id = a.gig_id;
