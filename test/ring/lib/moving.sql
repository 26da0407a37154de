-- test/ring/lib/moving.sql: a Space that has a life of its own and moves with it.
--
-- Space "trees" of the owner gardener, with a table, a sequence, a view, a materialized
-- view and a function of the owner's own. turn() does one random thing that an
-- application would and says what has become of it, so that the one who called can be
-- asked later whether it is still so. How many workers and gigs there are, and how many
-- a wave invites for each seat, are variables of psql. Must not decide what is right:
-- the test does.
SET ROLE gardener;
SELECT cirro.create_space('trees');
SET search_path = trees;
ALTER TABLE worker ADD COLUMN phone text;
CREATE TABLE badge (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, worker_id bigint REFERENCES worker ON DELETE CASCADE, note text);
CREATE INDEX badge_note ON badge (note);
CREATE TABLE "Odd ""one" (at date, n int, PRIMARY KEY (at, n)) PARTITION BY RANGE (at);
CREATE TABLE odd_old PARTITION OF "Odd ""one" FOR VALUES FROM (MINVALUE) TO ('2030-01-01');
CREATE TABLE odd_new PARTITION OF "Odd ""one" FOR VALUES FROM ('2030-01-01') TO (MAXVALUE);
INSERT INTO "Odd ""one" SELECT date '2029-12-01' + n, n FROM generate_series(1, 60) n;
CREATE SEQUENCE ticket INCREMENT 3 START 7;
CREATE SEQUENCE untouched INCREMENT -1 MINVALUE -9;
CREATE MATERIALIZED VIEW crowd AS SELECT active, count(*) FROM worker GROUP BY active;
CREATE VIEW busy AS SELECT worker_id, count(*) FROM invitation WHERE status = 'accepted' GROUP BY worker_id;
GRANT USAGE ON SCHEMA trees TO visitor;
GRANT SELECT ON busy, badge TO visitor;
UPDATE setting SET default_frequency = '3 s', default_multiplier = :multiplier, keep_waves = '1 year 2 months';

-- Every number is asked for by some gig: who is new is wanted by somebody.
INSERT INTO worker (profile) SELECT jsonb_build_object('n', n % 20, 'text', repeat('x', 200)) FROM generate_series(1, :workers) n;
INSERT INTO gig (title, url, start_at, end_at, total_seats, seats_max, filter_query)
SELECT 'gig ' || n, 'u', now() + '1 day', now() + '2 days', 6, CASE n % 2 WHEN 0 THEN 6 END, jsonb_build_object('n', n % 20)
FROM generate_series(1, :gigs) n;

CREATE FUNCTION turn(n bigint, OUT kind text, OUT id bigint, OUT revision int) LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
	dice CONSTANT int := abs(hashint8(n)) % 100;
	inv bigint;
	answer invitation;
BEGIN
	inv := (SELECT i.id FROM invitation i WHERE i.status = CASE WHEN dice < 60 THEN 'pending' ELSE 'accepted' END
		AND i.id > abs(hashint8extended(n, 1)) % (SELECT max(x.id) FROM invitation x) ORDER BY i.id LIMIT 1);
	kind := 'nothing';
	IF dice < 50 AND inv IS NOT NULL THEN
		answer := accept(inv);
		kind := 'accepted';
	ELSIF dice < 60 AND inv IS NOT NULL THEN
		answer := reject(inv, 'no time');
		kind := 'rejected';
	ELSIF dice BETWEEN 60 AND 75 AND inv IS NOT NULL THEN
		answer := leave(inv);
		kind := 'left';
	ELSIF dice < 80 THEN
		PERFORM invite((SELECT g.id FROM gig g WHERE g.id > abs(n) % (SELECT max(x.id) FROM gig x) ORDER BY g.id LIMIT 1),
			ARRAY[n % 100 + 1, n % 77 + 101, n % 55 + 201]);
		kind := 'invited';
	ELSIF dice < 88 THEN
		INSERT INTO worker (profile) VALUES (jsonb_build_object('n', n % 20)) RETURNING worker.id INTO id;
		kind := 'worker';
	ELSIF dice < 90 THEN
		INSERT INTO gig (title, url, start_at, end_at, seats_max, filter_query)
		VALUES ('late', 'u', now() + '1 day', now() + '2 days', 3, jsonb_build_object('n', n % 20)) RETURNING gig.id INTO id;
		kind := 'gig';
	ELSIF dice < 97 THEN
		INSERT INTO badge (worker_id, note) VALUES (1, 'badge ' || n) RETURNING badge.id INTO id;
		kind := 'badge';
	ELSE
		id := nextval('ticket');
		kind := 'ticket';
	END IF;
	id := coalesce(id, answer.id);
	revision := answer.revision;
EXCEPTION
	-- Somebody else was faster.
	WHEN SQLSTATE 'UG010' OR SQLSTATE 'UG011' OR SQLSTATE 'UG012' OR SQLSTATE 'UG013' THEN kind := 'refused';
END $$;

-- Of the owner's own, where a move writes.
CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
	INSERT INTO badge (note) VALUES ('setting');
	RETURN NULL;
END $$;
CREATE TRIGGER note AFTER INSERT OR UPDATE ON setting FOR EACH ROW EXECUTE FUNCTION note();

-- What is wrong, whoever looks and wherever; a row each.
CREATE VIEW wrong AS
SELECT format('oversold: gig %s', g.id) FROM gig g JOIN invitation i ON i.gig_id = g.id AND i.status = 'accepted'
GROUP BY g.id HAVING count(*) > coalesce(g.seats_max, g.total_seats)
UNION ALL SELECT format('invitation %s has %s notifications of revision %s', e.invitation_id, count(n.id), e.revision) FROM event e
LEFT JOIN notification n ON n.event_id = e.id WHERE e.kind LIKE 'invitation.%' GROUP BY e.invitation_id, e.revision HAVING count(n.id) <> 1
UNION ALL SELECT format('invitation %s: %s events to revision %s', i.id, count(e.id), i.revision) FROM invitation i
LEFT JOIN event e ON e.invitation_id = i.id AND e.kind LIKE 'invitation.%' GROUP BY i.id HAVING count(e.id) <> i.revision;
