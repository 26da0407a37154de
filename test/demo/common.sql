-- test/demo/common.sql: prints a filter that suits a crowd of unknown shape.
--
-- Decides by the profiles' own members: a text, number or truth that about one
-- worker in three has; all of them if nothing is that common or they are few.
SELECT coalesce((
	SELECT jsonb_build_object(key, value)
	FROM crowd.worker, jsonb_each(profile)
	WHERE jsonb_typeof(value) IN ('string', 'number', 'boolean') AND key !~ '[.$]'
	GROUP BY key, value
	HAVING count(*) > greatest(100, (SELECT count(*) FROM crowd.worker) / 20)
	ORDER BY abs(count(*) - (SELECT count(*) FROM crowd.worker) / 3), key, value
	LIMIT 1), '{}');
