-- test/bench/filter_load.sql: the profiles that filters are measured on.
--
-- Decides what they are like: n of them (psql -v n=1000000) in a table
-- profile_bench(id, profile), the same ones at every run, for each answer is a
-- hash of the row's number. Countries, skills and languages have a long tail;
-- there are numbers, dates as text, arrays of strings and of objects, and members
-- that few have: on average 24 leaves, 520 bytes of text, 620 of jsonb. Must not
-- depend on anything but n, nor make anything else.

-- A number from 0 to 1 that profile i throws for question q.
CREATE FUNCTION pg_temp.dice(i bigint, q bigint) RETURNS double precision
LANGUAGE sql IMMUTABLE AS $$
	SELECT (hashint8extended(i, q) & 1048575) / 1048576.0
$$;

-- A number from 1 to n, small ones more often the higher the power is.
CREATE FUNCTION pg_temp.tail(i bigint, q bigint, n int, p double precision) RETURNS int
LANGUAGE sql IMMUTABLE AS $$
	SELECT 1 + floor(n * power(pg_temp.dice(i, q), p))::int
$$;

-- One of the answers, the earlier ones more often the higher the power is.
CREATE FUNCTION pg_temp.one(answers text[], i bigint, q bigint, p double precision) RETURNS text
LANGUAGE sql IMMUTABLE AS $$
	SELECT answers[pg_temp.tail(i, q, cardinality(answers), p)]
$$;

CREATE TEMP TABLE word AS
SELECT
	string_to_array('Ada Amir Ana Anton Aya Bao Bela Carlos Chen Chidi Clara Dana Diego Elif Emma Erik Fatima Felix '
		'Grace Hana Hugo Ines Ivan Jan Jin Jonas Kai Lea Leo Lin Luca Maria Mateo Mei Mia Mila Nadia Nina Noah Nora '
		'Olga Omar Paul Priya Rosa Samir Sara Sofia Tariq Tom Uma Vera Wei Yara Yusuf Zoe', ' ') AS given,
	string_to_array('Abe Adeyemi Ahmed Andersson Bauer Becker Bianchi Brown Castro Chen Costa Cruz Dubois Evans Fischer '
		'Garcia Gomez Haddad Hansen Hoffmann Ivanova Jansen Johnson Kaya Khan Kim Kowalski Kumar Larsen Lee Lopez '
		'Martin Meyer Moreau Mueller Nakamura Nguyen Novak Okafor Oliveira Patel Pereira Petrov Popescu Rossi Sato '
		'Schmidt Silva Singh Smith Suzuki Tanaka Torres Virtanen Wagner Wang Weber Wilson Yilmaz Zhang', ' ') AS family,
	string_to_array('US IN BR GB DE FR CA NG PL ES IT MX ID PH PT NL UA TR KE ZA AR CO PK BD AU EG VN RO SE CH AT BE GR CZ '
		'HU DK NO FI IE IL JP KR CN TW SG MY TH NZ CL PE EC BO UY PY VE MA DZ TN GH UG TZ ET RW SN CI CM RS HR SI SK BG '
		'LT LV EE BY GE AM AZ KZ UZ LK NP MM KH LA MN SA AE QA KW JO LB IQ IR AF YE OM BH SY PS CY MT IS LU MC LI AD SM '
		'AL MK BA ME XK MD CU DO HT JM TT BS BB GT HN SV NI CR PA BZ PR GY SR FJ PG SB VU WS TO KI TV NR PW FM MH ZM ZW '
		'MW MZ AO NA BW LS SZ MG MU SC KM DJ ER SO SD SS TD NE ML BF GN SL LR GM GW CV MR LY BJ TG GA CG CD CF GQ ST BI '
		'MV BT BN TL TJ TM KG HK MO GL FO GI', ' ') AS country,
	string_to_array('Riverton,Lakeside,Oakdale,Neustadt,Altstadt,Villanova,Newport,Kingston,Belmont,Santa Cruz,San Juan,'
		'Bergen,Westport,Eastfield,Hillcrest,Mirador,Porto Novo,Stonebridge,Granada,Marburg,Salem,Georgetown,'
		'Clearwater,Rosario,Weston,Valencia,Victoria,Florence,Cambridge,Richmond', ',') AS city,
	string_to_array('Main St,Mill Rd,Park Ave,High St,Am Markt,Ringweg,Via Roma,Rue Haute,Elm St,King St', ',') AS street,
	string_to_array('gardening,driving,cooking,carpentry,first aid,photography,welding,cleaning,translation,bookkeeping,'
		'painting,plumbing,childcare,sewing,data entry,proofreading,sign language,forklift,bartending,security,tree care,'
		'beekeeping,sound,lighting,stage building,catering,tutoring,moderation,transcription,surveying,roofing,tiling,'
		'masonry,locksmithing,baking,butchery,floristry,lifeguarding,climbing,rigging,drone flying,video editing,'
		'illustration,interviewing,mystery shopping,testing,annotation,packing,dog walking,piano tuning', ',') AS craft,
	string_to_array(', I, II, III, IV, pro, indoors, outdoors, at night, abroad', ',') AS kind,
	string_to_array('en es fr de pt ar hi zh ru it tr pl nl uk vi ko ja id fa ur bn ta te ro el cs hu sv da no fi he th sw '
		'am yo ha zu ms tl', ' ') AS language,
	ARRAY['B2', 'native', 'C1', 'B1', 'A2', 'C2', 'A1'] AS level,
	ARRAY['Android', 'iOS', 'Windows', 'macOS', 'Linux', 'ChromeOS'] AS os,
	string_to_array('gmail.com,outlook.com,yahoo.com,icloud.com,hotmail.com,gmx.net,proton.me,web.de,mail.ru,orange.fr,'
		'libero.it,fastmail.com,zoho.com,tutanota.com,example.org,example.net,posteo.de,mailbox.org', ',') AS domain;

CREATE TABLE profile_bench (id bigint NOT NULL, profile jsonb NOT NULL);

INSERT INTO profile_bench
SELECT i, jsonb_build_object(
	'name', pg_temp.one(given, i, 1, 1) || ' ' || pg_temp.one(family, i, 2, 1),
	'email', lower(pg_temp.one(given, i, 1, 1)) || i || '@' || pg_temp.one(domain, i, 3, 8),
	'country', pg_temp.one(country, i, 4, 3.5),
	'city', pg_temp.one(city, i, 5, 1.5),
	'birth_year', 2006 - floor(46 * power(pg_temp.dice(i, 6), 1.3)),
	'rating', round((1 + 4 * sqrt(pg_temp.dice(i, 7)))::numeric, 1),
	'hours_per_week', pg_temp.tail(i, 8, 20, 1.2) * 2,
	'hourly_rate', round((9 + 140 * power(pg_temp.dice(i, 9), 2.5))::numeric, 1),
	'joined_at', to_char(date '2012-01-01' + floor(4700 * sqrt(pg_temp.dice(i, 10)))::int, 'YYYY-MM-DD'),
	'last_seen', to_char(timestamp '2024-11-20' - interval '1 second' * floor(60000000 * power(pg_temp.dice(i, 11), 3)),
		'YYYY-MM-DD"T"HH24:MI:SS"Z"'),
	'skills', (
		SELECT jsonb_agg(DISTINCT craft[1 + (s - 1) % 50] || kind[1 + (s - 1) / 50])
		FROM generate_series(1, pg_temp.tail(i, 12, 6, 1.5)) AS n, pg_temp.tail(i, 100 + n, 500, 3) AS s),
	'languages', (
		SELECT jsonb_agg(jsonb_build_object('code', language[l], 'level', pg_temp.one(level, l, i, 1.5)) ORDER BY l)
		FROM (SELECT DISTINCT pg_temp.tail(i, 200 + n, cardinality(language), 2.5) AS l
			FROM generate_series(1, pg_temp.tail(i, 13, 3, 2)) AS n) AS known),
	'devices', (
		SELECT jsonb_agg(jsonb_build_object('os', pg_temp.one(os, i, 300 + n, 1.8),
			'version', 18 - pg_temp.tail(i, 400 + n, 12, 1.6)))
		FROM generate_series(1, pg_temp.tail(i, 14, 2, 2)) AS n),
	'address', jsonb_build_object(
		'street', pg_temp.tail(i, 15, 180, 1.5) || ' ' || pg_temp.one(street, i, 16, 1),
		'zip', lpad((hashint8extended(i, 17) & 65535)::text, 5, '0'),
		'city', pg_temp.one(city, i, 5, 1.5)),
	'verified', pg_temp.dice(i, 18) < 0.7,
	'remote', pg_temp.dice(i, 19) < 0.35)
	|| CASE WHEN pg_temp.dice(i, 20) < 0.12 THEN jsonb_build_object('certified', 2024 - pg_temp.tail(i, 21, 12, 1)) ELSE '{}' END
	|| CASE WHEN pg_temp.dice(i, 22) < 0.012 THEN jsonb_build_object('reference', 'case ' || i) ELSE '{}' END
FROM generate_series(1, :n) AS i, word;

ALTER TABLE profile_bench ADD PRIMARY KEY (id);
VACUUM (FREEZE, ANALYZE) profile_bench;
