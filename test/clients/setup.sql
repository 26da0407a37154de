-- test/clients/setup.sql: a Space for each type of ref, owned by a role that is
-- no superuser, as an application's would be. Its numbers begin where a client
-- that takes a bigint for an int, or for a float, gets them wrong.
-- Run by a superuser in an empty database; :owner is the role.

CREATE EXTENSION cirro;
SELECT cirro.create_space('trees', :'owner');
SELECT cirro.create_space('ponds', :'owner', 'bigint');
SELECT cirro.create_space('houses', :'owner', 'uuid');

ALTER TABLE trees.worker ALTER id RESTART WITH 3000000001;
ALTER TABLE trees.gig ALTER id RESTART WITH 4000000001;
ALTER TABLE trees.invitation ALTER id RESTART WITH 5000000001;
ALTER TABLE trees.notification ALTER id RESTART WITH 6000000001;
-- A claim is at most 2^53 - 1, the largest integer that JavaScript's numbers hold.
ALTER SEQUENCE trees.notification_claim_seq RESTART WITH 9007199250000001;
