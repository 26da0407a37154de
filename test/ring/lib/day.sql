-- test/ring/lib/day.sql: a day in a Space's life, for psql; the same through the front
-- of a ring (front = true) and at a back end. Each "-- at" is a session of its own, by
-- that clock, and "-- tick" runs waves. Every call of a Space is here, what it returns and
-- what it refuses. Decides nothing: the test compares.

-- at 2030-05-01 09:00+00
-- Rows are written by calls through the front, by statements at a back end.
\if :front
SELECT id, ref, profile, active, lot, created_at FROM trees.put_workers('[
	{"ref": "ada", "lot": 1, "profile": {"languages": ["de", "en"], "hours": 20, "name": "Ada \"Å\" O''Neill\\"}},
	{"ref": "bob", "lot": 2, "profile": {"languages": ["en"], "hours": 5}},
	{"ref": "carla", "lot": 3, "profile": {"languages": ["de"], "hours": 12}},
	{"ref": "dan", "lot": 4, "profile": {"languages": ["de"], "hours": 30}},
	{"ref": "eve", "lot": 5, "profile": {"languages": ["de"], "hours": 11}},
	{"ref": "farid", "lot": 6, "profile": {"languages": ["de"], "hours": 10}},
	{"ref": "greta", "lot": 7, "profile": {}},
	{"lot": 8, "active": false}]');
SELECT id, ref, active FROM trees.put_workers('[]');
SELECT id, ref FROM trees.put_workers(NULL);
SELECT id, ref, active, profile FROM trees.put_workers('{"id": 100, "ref": "hana", "lot": 9}');
\else
INSERT INTO trees.worker (ref, lot, profile, active) VALUES
	('ada', 1, '{"languages": ["de", "en"], "hours": 20, "name": "Ada \"Å\" O''Neill\\"}', true),
	('bob', 2, '{"languages": ["en"], "hours": 5}', true),
	('carla', 3, '{"languages": ["de"], "hours": 12}', true),
	('dan', 4, '{"languages": ["de"], "hours": 30}', true),
	('eve', 5, '{"languages": ["de"], "hours": 11}', true),
	('farid', 6, '{"languages": ["de"], "hours": 10}', true),
	('greta', 7, '{}', true),
	(NULL, 8, '{}', false) RETURNING id, ref, profile, active, lot, created_at;
SELECT id, ref, active FROM trees.worker WHERE false;
SELECT id, ref FROM trees.worker WHERE false;
INSERT INTO trees.worker (id, ref, lot) VALUES (100, 'hana', 9) RETURNING id, ref, active, profile;
\endif
-- Gigs: two seats; one, with the rest expired; by hand; soon; one of a far future.
\if :front
SELECT id, ref, title, total_seats, seats_max, filter_query, sort_query, invitation_frequency, created_at FROM trees.put_gigs('[
	{"ref": "park", "title": "Plant trees", "url": "https://example.org/park", "start_at": "2030-05-04 09:00+00", "end_at": "2030-05-04 13:00+00", "total_seats": 2,
	 "filter_query": {"languages": "de", "hours": {"$gte": 10}}, "sort_query": {"hours": -1}, "invitation_multiplier": 1},
	{"ref": "river", "title": "Clean the river bank", "url": "u", "start_at": "2030-05-01 12:00+00", "end_at": "2030-05-01 14:00+00", "seats_max": 1,
	 "filter_query": {}, "answer_within": "1 hour", "notification_payload": {"room": 7}},
	{"ref": "hall", "title": "By hand", "url": "u", "start_at": "2030-05-06 12:00+00", "end_at": "2030-05-07 14:00+00", "total_seats": 1, "invitation_mode": "manual", "filter_query": {}},
	{"ref": "late", "title": "Later", "url": "u", "start_at": "2031-05-06 12:00+00", "end_at": "2031-05-07 14:00+00", "total_seats": 1, "invitation_mode": "manual", "filter_query": {"hours": 30}}]');
\else
INSERT INTO trees.gig (ref, title, url, start_at, end_at, total_seats, seats_max, filter_query, sort_query, invitation_multiplier, answer_within, notification_payload, invitation_mode) VALUES
	('park', 'Plant trees', 'https://example.org/park', '2030-05-04 09:00+00', '2030-05-04 13:00+00', 2, NULL, '{"languages": "de", "hours": {"$gte": 10}}', '{"hours": -1}', 1, NULL, NULL, DEFAULT),
	('river', 'Clean the river bank', 'u', '2030-05-01 12:00+00', '2030-05-01 14:00+00', NULL, 1, '{}', NULL, DEFAULT, '1 hour', '{"room": 7}', DEFAULT),
	('hall', 'By hand', 'u', '2030-05-06 12:00+00', '2030-05-07 14:00+00', 1, NULL, '{}', NULL, DEFAULT, NULL, NULL, 'manual'),
	('late', 'Later', 'u', '2031-05-06 12:00+00', '2031-05-07 14:00+00', 1, NULL, '{"hours": 30}', NULL, DEFAULT, NULL, NULL, 'manual')
	RETURNING id, ref, title, total_seats, seats_max, filter_query, sort_query, invitation_frequency, created_at;
\endif
-- What is refused as a row.
\if :front
SELECT id FROM trees.put_gigs('{"ref": "bad", "title": "t", "url": "u", "start_at": "2030-06-01", "end_at": "2030-05-01", "total_seats": 1, "filter_query": {}}');
SELECT id FROM trees.put_gigs('{"ref": "bad", "title": "t", "url": "u", "start_at": "2030-06-01", "end_at": "2030-07-01", "total_seats": 1, "filter_query": {"a": {"$near": 1}}}');
SELECT id FROM trees.put_gigs('{"ref": "bad", "title": "t", "url": "u", "start_at": "2030-06-01", "end_at": "2030-07-01", "filter_query": {}}');
SELECT id FROM trees.put_gigs('{"ref": "bad", "url": "u", "start_at": "2030-06-01", "end_at": "2030-07-01", "total_seats": 1, "filter_query": {}}');
SELECT id FROM trees.put_gigs('{"id": 1, "end_at": "noon"}');
SELECT id FROM trees.put_workers('{"id": 1, "profile": [1]}');
SELECT id FROM trees.put_workers('{"id": 1, "ref": "bob"}');
SELECT id FROM trees.put_workers('{"id": 1, "x\"; DROP TABLE trees.gig; --": 1}');
\else
INSERT INTO trees.gig (ref, title, url, start_at, end_at, total_seats, filter_query) VALUES ('bad', 't', 'u', '2030-06-01', '2030-05-01', 1, '{}') RETURNING id;
INSERT INTO trees.gig (ref, title, url, start_at, end_at, total_seats, filter_query) VALUES ('bad', 't', 'u', '2030-06-01', '2030-07-01', 1, '{"a": {"$near": 1}}') RETURNING id;
INSERT INTO trees.gig (ref, title, url, start_at, end_at, filter_query) VALUES ('bad', 't', 'u', '2030-06-01', '2030-07-01', '{}') RETURNING id;
INSERT INTO trees.gig (ref, url, start_at, end_at, total_seats, filter_query) VALUES ('bad', 'u', '2030-06-01', '2030-07-01', 1, '{}') RETURNING id;
UPDATE trees.gig SET end_at = 'noon' WHERE id = 1 RETURNING id;
UPDATE trees.worker SET profile = '[1]' WHERE id = 1 RETURNING id;
UPDATE trees.worker SET ref = 'bob' WHERE id = 1 RETURNING id;
UPDATE trees.worker t SET "x""; DROP TABLE trees.gig; --" = r."x""; DROP TABLE trees.gig; --" FROM jsonb_populate_record(NULL::trees.worker, '{}') r WHERE t.id = 1 RETURNING t.id;
\endif
-- tick

-- at 2030-05-01 09:01+00
SELECT * FROM trees.worker_invitation ORDER BY invitation_id;
SELECT trees.worker_id('eve'), trees.gig_id('park'), trees.worker_id('nobody'), trees.gig_id(NULL);
SELECT * FROM trees.preview('{"languages": "de"}', '{"hours": -1}', max => 2);
SELECT * FROM trees.preview('{"hours": {"$near": 1}}');
SELECT * FROM trees.preview('{"hours": 1}', '{"hours": 0}');
SELECT * FROM trees.preview(NULL);
SELECT * FROM trees.explain_invitation(2, 1);
SELECT * FROM trees.explain_invitation(2, 99);
SELECT * FROM trees.explain_invitation(99, 1);
SELECT * FROM trees.accept(1);
SELECT * FROM trees.accept(1);
SELECT * FROM trees.accept(99);
SELECT * FROM trees.accept(NULL);
SELECT * FROM trees.reject(2, 'no time; "quoted" ''so''');
SELECT * FROM trees.accept(2);
SELECT * FROM trees.reject(1);
SELECT * FROM trees.leave(2);
SELECT status, reason FROM trees.leave(1, 'ill');
SELECT status, reason FROM trees.leave(1);
SELECT * FROM trees.reset(1, silent => true);
SELECT * FROM trees.reset(99);
SELECT * FROM trees.try_accept(1);
SELECT * FROM trees.try_accept(99);
SELECT * FROM trees.try_accept(invitation_id => 2, or_wait => true);
SELECT * FROM trees.try_accept(NULL);
-- The one seat of the river, and who waits for it.
SELECT i.worker_id, a.* FROM trees.invitation i CROSS JOIN LATERAL trees.try_accept(i.id, true) a WHERE i.gig_id = 2 ORDER BY i.id;
SELECT * FROM trees.accept((SELECT i.id FROM trees.invitation i WHERE i.gig_id = 2 AND i.worker_id = 3));
SELECT worker_id, status, place FROM trees.worker_invitation WHERE gig_id = 2 ORDER BY invitation_id;
SELECT status FROM trees.expire((SELECT i.id FROM trees.invitation i WHERE i.gig_id = 2 AND i.worker_id = 4), 'gone');
SELECT * FROM trees.expire((SELECT i.id FROM trees.invitation i WHERE i.gig_id = 2 AND i.worker_id = 4));
SELECT * FROM trees.accept((SELECT i.id FROM trees.invitation i WHERE i.gig_id = 2 AND i.worker_id = 4));
SELECT status FROM trees.leave((SELECT i.id FROM trees.invitation i WHERE i.gig_id = 2 AND i.status = 'accepted'));
SELECT worker_id, status, place FROM trees.worker_invitation WHERE gig_id = 2 ORDER BY invitation_id;
-- By hand.
SELECT * FROM trees.invite(3, ARRAY[7, 100, 8, 99, NULL, 7]);
SELECT * FROM trees.invite(3, ARRAY[1], auto_accept => true);
SELECT * FROM trees.invite(3, ARRAY[7, 1, 3]);
SELECT * FROM trees.invite(3, ARRAY[2, 3], send_at => '2030-05-02 09:00+00');
SELECT * FROM trees.invite(3, ARRAY[4], send_at => '2031-01-01 09:00+00');
SELECT * FROM trees.invite(3, NULL);
SELECT * FROM trees.invite(99, ARRAY[1]);
SELECT * FROM trees.accept((SELECT i.id FROM trees.invitation i WHERE i.gig_id = 3 AND i.worker_id = 2));
SELECT * FROM trees.attempt_invitations(4);
SELECT * FROM trees.attempt_invitations(2, ARRAY[4, 99, 3, 1]);
SELECT * FROM trees.attempt_invitations(7, max_amount => -1);
SELECT * FROM trees.attempt_invitations(99);
SELECT (w).number, (w).invited, (w).outcome FROM trees.run_wave(4) w;
SELECT number, target, accepted, wanted, invited, outcome FROM trees.run_wave(3);
SELECT * FROM trees.run_wave(99);
SELECT * FROM trees.archive(1);
SELECT * FROM trees.archive(1, at => '2030-05-05 00:00+00');
SELECT * FROM trees.archive(99);
SELECT * FROM trees.cancel(99);
SELECT outcome, status FROM trees.try_accept(1, 'maybe');
SELECT * FROM trees.accept('x');
SELECT * FROM trees.nothing(1);
-- Times in another style and zone.
SET datestyle = 'SQL, DMY'; SET intervalstyle = 'sql_standard'; SET timezone = 'Europe/Berlin';
SELECT * FROM trees.invite(4, ARRAY[5], send_at => '03/05/2031 11:00 CEST');
SELECT status, send_at, created_at FROM trees.invitation WHERE gig_id = 4 AND worker_id = 5;
RESET timezone;
SELECT claim, id, kind, gig_id, worker_id, attempts, payload, still_valid FROM trees.claim_notifications(3, lease => '0 1:00:00');
RESET datestyle; RESET intervalstyle;
-- Deliveries.
SELECT trees.confirm_notifications(1, ARRAY[1, 2]), trees.fail_notifications(1, ARRAY[3], 'mailbox full; it''s "so"');
SELECT trees.confirm_notifications(1, outcome => 'suppressed'), trees.fail_notifications(1);
SELECT trees.confirm_notifications(NULL);
SELECT trees.confirm_notifications(1, outcome => 'lost');
SELECT * FROM trees.claim_notifications(consumer => 'nobody');
SELECT * FROM trees.claim_notifications(0);
SELECT claim, id, kind, worker_id, payload ->> 'kind' AS kind, still_valid FROM trees.claim_notifications(5, '1 minute');
SELECT trees.fail_notifications(2, retry_at => '2030-05-01 08:00+00');
-- A role with few rights.
SET ROLE site;
SELECT worker_ref, status FROM trees.worker_invitation WHERE worker_id = 3 ORDER BY invitation_id;
SELECT status, invited_at, responded_at FROM trees.accept(1);
SELECT * FROM trees.reject(1, 'busy');
SELECT * FROM trees.invite(1, ARRAY[7]);
SELECT * FROM trees.claim_notifications();
SELECT * FROM trees.cancel(3);
SELECT trees.rebuild_state();
SELECT count(*) FROM trees.notification;
\if :front
SELECT id FROM trees.put_workers('{"ref": "zoe"}');
SELECT trees.delete_workers(ARRAY[1]);
\else
INSERT INTO trees.worker (ref) VALUES ('zoe') RETURNING id;
DELETE FROM trees.worker t WHERE t.id = ANY (ARRAY[1]);
\endif
RESET ROLE;
SET ROLE stranger;
SELECT * FROM trees.accept(1);
SELECT * FROM trees.worker;
RESET ROLE;
-- Paused.
-- pause
SELECT number FROM trees.run_wave(4);
SELECT * FROM trees.claim_notifications();
-- unpause
-- A trigger of the owner's that has a word to say, and a veto.
SELECT status FROM trees.accept((SELECT i.id FROM trees.invitation i WHERE i.gig_id = 3 AND i.worker_id = 7));
SELECT * FROM trees.try_accept((SELECT i.id FROM trees.invitation i WHERE i.gig_id = 3 AND i.worker_id = 100));
SELECT * FROM trees.accept((SELECT i.id FROM trees.invitation i WHERE i.gig_id = 3 AND i.worker_id = 100));
SELECT * FROM trees.gig_status ORDER BY gig_id;
-- tick

-- at 2030-05-01 13:00+00
-- The river has started.
\if :front
SELECT id FROM trees.put_gigs('{"ref": "river", "title": "Another"}');
SELECT id, end_at, archive_at FROM trees.put_gigs('{"ref": "hall", "end_at": "2030-05-08 14:00+00", "archive_at": "2030-05-09 14:00+00"}');
SELECT trees.delete_gigs(ARRAY[2]);
SELECT id, profile, active, updated_at FROM trees.put_workers('[{"ref": "greta", "profile": {"hours": 40, "languages": ["de"]}}, {"id": 8, "active": true}, {"ref": "ada"}]');
\else
UPDATE trees.gig SET title = 'Another' WHERE ref = 'river' RETURNING id;
UPDATE trees.gig SET end_at = '2030-05-08 14:00+00', archive_at = '2030-05-09 14:00+00' WHERE ref = 'hall' RETURNING id, end_at, archive_at;
DELETE FROM trees.gig WHERE id = ANY (ARRAY[2]);
WITH a AS (UPDATE trees.worker SET profile = '{"hours": 40, "languages": ["de"]}' WHERE ref = 'greta' RETURNING *),
	b AS (UPDATE trees.worker SET active = true WHERE id = 8 RETURNING *)
SELECT id, profile, active, updated_at FROM a UNION ALL SELECT id, profile, active, updated_at FROM b UNION ALL SELECT id, profile, active, updated_at FROM trees.worker WHERE ref = 'ada';
\endif
SELECT id, archived_at, end_at, archive_at FROM trees.archive(2);
SELECT id, archived_at FROM trees.archive(2);
SELECT * FROM trees.archive(2, '2030-06-01');
SELECT * FROM trees.cancel(2);
SELECT id, cancelled_at FROM trees.cancel(3);
SELECT id, cancelled_at FROM trees.cancel(3);
SELECT * FROM trees.accept((SELECT i.id FROM trees.invitation i WHERE i.gig_id = 3 AND i.worker_id = 4));
SELECT * FROM trees.invite(3, ARRAY[4]);
SELECT * FROM trees.leave((SELECT i.id FROM trees.invitation i WHERE i.gig_id = 3 AND i.status = 'accepted' LIMIT 1));
SELECT * FROM trees.reset((SELECT min(i.id) FROM trees.invitation i WHERE i.gig_id = 3));
SELECT * FROM trees.run_wave(3);
SELECT id, ref, profile, active FROM trees.erase_worker(4);
SELECT * FROM trees.erase_worker(99);
\if :front
SELECT trees.delete_workers(ARRAY[5, 99, NULL]);
SELECT trees.delete_gigs(ARRAY[4]), trees.delete_gigs(NULL);
\else
WITH d AS (DELETE FROM trees.worker WHERE id = ANY (ARRAY[5, 99, NULL]) RETURNING id) SELECT count(*) AS delete_workers FROM d;
WITH d AS (DELETE FROM trees.gig WHERE id = ANY (ARRAY[4]) RETURNING id) SELECT count(*) AS delete_gigs, NULL::bigint AS delete_gigs FROM d;
\endif
-- tick

-- at 2030-05-10 09:00+00
SELECT claim, id, kind, gig_id, worker_id, invitation_id, attempts, payload, still_valid FROM trees.claim_notifications(1000);
SELECT trees.confirm_notifications((SELECT max(n.claim) FROM trees.notification n));
SELECT * FROM trees.gig_status ORDER BY gig_id;
SELECT * FROM trees.worker_gig ORDER BY invitation_id;
SELECT * FROM trees.check_consistency();
SELECT trees.rebuild_state();
