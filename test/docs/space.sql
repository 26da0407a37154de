-- test/docs/space.sql: the Space that examples of the manual talk of.
--
-- Decides its people and gigs; :space is its name, usually trees. The same rows
-- with the same ids each time, so that pages can show what comes of them. Must
-- not set anything that lasts in the session.
CREATE EXTENSION IF NOT EXISTS cirro;
SELECT cirro.create_space(:'space') \g /dev/null

-- Twelve people; the last one is away. lot is the fair order, random otherwise.
INSERT INTO :"space".worker (ref, lot, active, profile) VALUES
    ('ada',    1, true,  '{"name": "Ada",    "city": "Berlin",  "languages": ["de", "en"], "hours": 20, "rating": 4.8, "skills": ["saw", "first aid"]}'),
    ('bob',    2, true,  '{"name": "Bob",    "city": "Berlin",  "languages": ["en"], "hours": 5, "rating": 3.9}'),
    ('carla',  3, true,  '{"name": "Carla",  "city": "Hamburg", "languages": ["de", "it"], "hours": 12, "rating": 4.5, "skills": ["drive"]}'),
    ('dan',    4, true,  '{"name": "Dan",    "city": "Hamburg", "languages": ["en", "de"], "hours": 8, "rating": 4.1}'),
    ('eve',    5, true,  '{"name": "Eve",    "city": "Berlin",  "languages": ["de"], "hours": 12, "rating": 4.9, "skills": ["saw"]}'),
    ('farid',  6, true,  '{"name": "Farid",  "city": "Leipzig", "languages": ["ar", "de"], "hours": 30, "rating": 4.7, "skills": ["drive", "saw"]}'),
    ('greta',  7, true,  '{"name": "Greta",  "city": "Berlin",  "languages": ["de", "sv"], "hours": 15, "rating": 4.2}'),
    ('hana',   8, true,  '{"name": "Hana",   "city": "Leipzig", "languages": ["cs", "en"], "hours": 10, "rating": 4.4, "skills": ["first aid"]}'),
    ('ivo',    9, true,  '{"name": "Ivo",    "city": "Hamburg", "languages": ["de"], "hours": 2, "rating": 3.5}'),
    ('jana',  10, true,  '{"name": "Jana",   "city": "Berlin",  "languages": ["de", "en"], "hours": 25, "rating": 4.6, "skills": ["drive"]}'),
    ('kofi',  11, true,  '{"name": "Kofi",   "city": "Leipzig", "languages": ["en", "fr"], "hours": 18}'),
    ('lena',  12, false, '{"name": "Lena",   "city": "Berlin",  "languages": ["de"], "hours": 20, "rating": 5.0}');

-- Gig 1 looks for two people who speak German and have ten hours; five were
-- invited by its first wave (1 ada, 2 carla, 3 eve, 4 farid, 5 greta), ada has
-- accepted, carla declined.
INSERT INTO :"space".gig (ref, title, url, start_at, end_at, total_seats, invitation_multiplier, filter_query) VALUES
    ('park', 'Plant trees in the park', 'https://example.org/park', cirro.now() + interval '3 days', cirro.now() + interval '3 days 4 hours',
     2, 2.5, '{"languages": "de", "hours": {"$gte": 10}}');
SELECT FROM :"space".run_wave(1) \g /dev/null
SELECT FROM :"space".accept(1) \g /dev/null
SELECT FROM :"space".reject(2, 'on holiday') \g /dev/null

-- Gig 2 was filled by hand: bob (6) and dan (7) have its two seats.
INSERT INTO :"space".gig (ref, title, url, start_at, end_at, seats_max, invitation_mode, filter_query) VALUES
    ('river', 'Clean the river bank', 'https://example.org/river', cirro.now() + interval '1 day', cirro.now() + interval '1 day 3 hours',
     2, 'manual', '{}');
SELECT FROM :"space".invite(2, ARRAY[2, 4], auto_accept => true) \g /dev/null
