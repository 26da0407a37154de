-- How many would this find, and who comes first?
SELECT matching, exact, worker_id, left(worker_ref, 8) AS ref FROM crowd.preview(max => 3, filter =>
	'{"events": "hackathons", "hours_per_week": {"$gte": 10}}');  -- who

-- Why not the first of the crowd?
SELECT path, operator, wanted, left(found::text, 30) AS found, matched
FROM crowd.worker w, cirro.explain_match(w.profile,
	'{"events": "hackathons", "hours_per_week": {"$gte": 10}}') e WHERE w.id = 1;  -- who

-- What was probably not meant, though it is a filter.
SELECT path, left(message, 90) AS message FROM cirro.lint('{"events": ["hackathons"], "hours_per_week": {"$gt": 20, "$lt": 10}}');
