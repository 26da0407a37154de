-- install/next.sql
--
-- What ALTER EXTENSION cirro UPDATE is going to run, to come from the version
-- released last to the next one. Whoever changes another script in this folder
-- after a release writes the same change here; a release gives this file its
-- name (cirro--1.0--1.1.sql) and puts a copy of the full script into
-- test/upgrade/. test/t/010_upgrade.pl compares both ways. The Spaces follow by
-- cirro.upgrade_spaces(), never in here.

\echo Use "ALTER EXTENSION cirro UPDATE" to load this file. \quit

-- 1.0 is not released yet: nothing.
