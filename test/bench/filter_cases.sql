-- test/bench/filter_cases.sql: the filters that are measured, and what everybody
-- else says for them.
--
-- Decides the conditions: one row of bench.filter for each, with the condition
-- for cirro, for jsquery, for jsonpath and in plain SQL. On these profiles the
-- four of a row mean the same, and each is what somebody who knows that language
-- well would write. Must not name what only one of them can say: jsquery compares
-- numbers only and has no regular expressions, so the rest of its condition is
-- SQL, and where nothing is left it does not take part (NULL).
--
-- served           whether an index can serve the filter; bars differ
-- sql              the form that is fastest in a scan
-- sql_indexed      equality by @>, which the index on jsonb_path_ops serves
-- jsquery_hinted   what jsquery does better with, knowing the data: nobody else
--                  is told, so it is used on demand only (HINTS=1)

CREATE TABLE bench.filter (
	number int PRIMARY KEY,
	title text NOT NULL,
	served boolean NOT NULL,
	cirro text NOT NULL,
	jsquery text,
	jsonpath text NOT NULL,
	sql text NOT NULL,
	sql_indexed text,
	jsquery_hinted text
);

INSERT INTO bench.filter VALUES

(1, 'three equalities', true,
$$profile OPERATOR(cirro.@@) '{"country": "BR", "hours_per_week": 20, "verified": true}'$$,
$$profile @@ 'country = "BR" AND hours_per_week = 20 AND verified = true'::jsquery$$,
$$profile @@ '$.country == "BR" && $.hours_per_week == 20 && $.verified == true'::jsonpath$$,
$$profile ->> 'country' = 'BR' AND profile -> 'hours_per_week' = '20' AND profile -> 'verified' = 'true'$$,
$$profile @> '{"country": "BR", "hours_per_week": 20, "verified": true}'$$,
$$profile @@ 'country = "BR" AND hours_per_week = 20 AND verified /*-- noindex */ = true'::jsquery$$),

(2, '`$in`, array membership, range', true,
$$profile OPERATOR(cirro.@@) '{"country": {"$in": ["GB", "DE", "FR", "ES", "IT"]}, "skills": "gardening", "rating": {"$gte": 4}}'$$,
$$profile @@ 'country IN ("GB", "DE", "FR", "ES", "IT") AND skills.# = "gardening" AND rating >= 4'::jsquery$$,
$$profile @@ '($.country == "GB" || $.country == "DE" || $.country == "FR" || $.country == "ES" || $.country == "IT") && $.skills[*] == "gardening" && $.rating >= 4'::jsonpath$$,
$$profile ->> 'country' IN ('GB', 'DE', 'FR', 'ES', 'IT') AND profile -> 'skills' ? 'gardening' AND (profile -> 'rating')::numeric >= 4$$,
$$(profile @> '{"country": "GB"}' OR profile @> '{"country": "DE"}' OR profile @> '{"country": "FR"}' OR profile @> '{"country": "ES"}' OR profile @> '{"country": "IT"}') AND profile @> '{"skills": ["gardening"]}' AND (profile -> 'rating')::numeric >= 4$$,
NULL),

(3, 'one broad equality', true,
$$profile OPERATOR(cirro.@@) '{"country": "US"}'$$,
$$profile @@ 'country = "US"'::jsquery$$,
$$profile @@ '$.country == "US"'::jsonpath$$,
$$profile ->> 'country' = 'US'$$,
$$profile @> '{"country": "US"}'$$,
NULL),

(4, '`$elemMatch` of two conditions', true,
$$profile OPERATOR(cirro.@@) '{"languages": {"$elemMatch": {"code": "es", "level": "C1"}}}'$$,
$$profile @@ 'languages.#(code = "es" AND level = "C1")'::jsquery$$,
$$profile @? '$.languages[*] ? (@.code == "es" && @.level == "C1")'::jsonpath$$,
$$profile -> 'languages' @> '[{"code": "es", "level": "C1"}]'$$,
$$profile @> '{"languages": [{"code": "es", "level": "C1"}]}'$$,
NULL),

(5, '`$or` of rare skills and a range', true,
$$profile OPERATOR(cirro.@@) '{"$or": [{"skills": {"$in": ["first aid abroad", "baking abroad"]}}, {"hourly_rate": {"$gte": 148}}]}'$$,
$$profile @@ 'skills.# IN ("first aid abroad", "baking abroad") OR hourly_rate >= 148'::jsquery$$,
$$profile @@ '$.skills[*] == "first aid abroad" || $.skills[*] == "baking abroad" || $.hourly_rate >= 148'::jsonpath$$,
$$(profile -> 'skills' ?| '{first aid abroad,baking abroad}' OR (profile -> 'hourly_rate')::numeric >= 148)$$,
NULL,
NULL),

(6, 'three ranges', true,
$$profile OPERATOR(cirro.@@) '{"birth_year": {"$gte": 1990, "$lte": 1999}, "hourly_rate": {"$lt": 15}, "joined_at": {"$gte": "2023-01-01"}}'$$,
$$profile @@ 'birth_year($ >= 1990 AND $ <= 1999) AND hourly_rate < 15'::jsquery AND profile ->> 'joined_at' >= '2023-01-01' COLLATE "C"$$,
$$profile @@ '$.birth_year >= 1990 && $.birth_year <= 1999 && $.hourly_rate < 15 && $.joined_at >= "2023-01-01"'::jsonpath$$,
$$(profile -> 'birth_year')::int BETWEEN 1990 AND 1999 AND (profile -> 'hourly_rate')::numeric < 15 AND profile ->> 'joined_at' >= '2023-01-01' COLLATE "C"$$,
NULL,
$$profile @@ 'birth_year($ >= 1990 AND $ <= 1999) AND hourly_rate /*-- index */ < 15'::jsquery AND profile ->> 'joined_at' >= '2023-01-01' COLLATE "C"$$),

(7, '`$exists`, `$nin`', false,
$$profile OPERATOR(cirro.@@) '{"reference": {"$exists": true}, "country": {"$nin": ["US", "IN"]}}'$$,
$$profile @@ 'reference = * AND NOT country IN ("US", "IN")'::jsquery$$,
$$profile @@ 'exists($.reference) && !($.country == "US" || $.country == "IN")'::jsonpath$$,
$$profile ? 'reference' AND profile ->> 'country' NOT IN ('US', 'IN')$$,
NULL,
NULL),

(8, 'a regular expression', false,
$$profile OPERATOR(cirro.@@) '{"email": {"$regex": "@(posteo|mailbox)\\.(de|org)$"}}'$$,
NULL,
$$profile @@ '$.email like_regex "@(posteo|mailbox)\\.(de|org)$"'::jsonpath$$,
$$profile ->> 'email' ~ '@(posteo|mailbox)\.(de|org)$'$$,
NULL,
NULL);
