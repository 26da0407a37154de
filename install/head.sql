-- install/head.sql
--
-- What CREATE EXTENSION runs first. The parts follow in this order: filter.sql
-- (types and operators), engine.sql (triggers, waves, Spaces).

\echo Use "CREATE EXTENSION cirro" to load this file. \quit

-- Everybody may use the types and call the functions: what a role may do to a
-- Space is decided by its rights on the tables of that Space.
GRANT USAGE ON SCHEMA cirro TO PUBLIC;
