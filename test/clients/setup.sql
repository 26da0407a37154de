-- test/clients/setup.sql: a Space for each type of ref, owned by a role that is
-- no superuser, as an application's would be.
-- Run by a superuser in an empty database; :owner is the role.

CREATE EXTENSION cirro;
SELECT cirro.create_space('trees', :'owner');
SELECT cirro.create_space('ponds', :'owner', 'bigint');
SELECT cirro.create_space('houses', :'owner', 'uuid');
