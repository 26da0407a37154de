-- install/waves.sql
--
-- Waves: the procedure, one wave by hand, and pg_cron jobs. No SECURITY
-- DEFINER and no SET clause: either would keep the procedure from committing.

CREATE PROCEDURE cirro.run_waves(space name DEFAULT NULL, max_gigs int DEFAULT NULL, during interval DEFAULT NULL)
LANGUAGE c AS 'MODULE_PATHNAME', 'run_waves';
COMMENT ON PROCEDURE cirro.run_waves(name, int, interval) IS
	'does what is due: waves, scheduled invitations, expiries, announcements, removal of old rows; in one Space, or all that the caller may run; once, or each second as long as during says';

CREATE FUNCTION cirro.run_wave(space name, gig_id bigint) RETURNS record
LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'run_wave';
COMMENT ON FUNCTION cirro.run_wave(name, bigint) IS
	'runs one wave of a gig now, whatever its cadence and mode; returns its row of the table wave, or NULL if no wave was needed';

CREATE FUNCTION cirro.record_attempt(space name, worker_id bigint, gig_ids bigint[], max_amount int, outcomes jsonb)
RETURNS bigint
LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'record_attempt';
COMMENT ON FUNCTION cirro.record_attempt(name, bigint, bigint[], int, jsonb) IS
	'stores a call of attempt_invitations; for the functions of a Space';

CREATE FUNCTION cirro.write_attempt(space name, worker_id bigint, gig_ids bigint[], invitation_ids bigint[])
RETURNS bigint
LANGUAGE c VOLATILE AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION cirro.write_attempt(name, bigint, bigint[], bigint[]) IS
	'invites a worker to gigs and opens expired invitations of his, with the rights of the caller; returns how many could be written; for the functions of a Space';

CREATE FUNCTION cirro.raise_floor(space name, consumer text) RETURNS void
LANGUAGE c VOLATILE STRICT AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION cirro.raise_floor(name, text) IS
	'moves up from when on a consumer''s claims read, as far as can be known; for the functions of a Space';

CREATE FUNCTION cirro.lock_rows(space name, kind text, ids bigint[]) RETURNS int
LANGUAGE c VOLATILE AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION cirro.lock_rows(name, text, bigint[]) IS
	'locks rows of gig, worker or gig_state in ascending order, as the owner, and returns how many; for the functions of a Space';

CREATE FUNCTION cirro.eligible_gigs(space name, worker_id bigint, gig_ids bigint[]) RETURNS bigint[]
LANGUAGE c VOLATILE AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION cirro.eligible_gigs(name, bigint, bigint[]) IS
	'those of the gigs to which setting.eligible lets a worker be invited now, NULL if there is no such rule; asked as the owner, for the functions of a Space and whoever may invite';

CREATE FUNCTION cirro.matching_gigs(space name, profile jsonb) RETURNS bigint[]
LANGUAGE c STABLE STRICT AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION cirro.matching_gigs(name, jsonb) IS
	'the gigs that a profile matches, of those whose end the tick has not seen yet, in ascending order; with the rights of the caller';

CREATE FUNCTION cirro.write_gig_keys(space name, gig_ids bigint[]) RETURNS void
LANGUAGE c VOLATILE AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION cirro.write_gig_keys(name, bigint[]) IS
	'makes the keys of gigs anew from gig_filter, with the rights of the caller; for the functions of a Space';

CREATE FUNCTION cirro.gig_keys_cover(filter cirro.filter_query, keys bytea[]) RETURNS boolean
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION cirro.gig_keys_cover(cirro.filter_query, bytea[]) IS
	'whether each document that matches the filter has one of the keys; for the functions of a Space';

CREATE FUNCTION cirro.gig_key_shape(key bytea) RETURNS bytea
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION cirro.gig_key_shape(bytea) IS
	'the shape that gig_key has to have for searches to ask for the key; NULL: they do so in any case';

CREATE FUNCTION cirro.schedule_waves(space name DEFAULT NULL, schedule text DEFAULT '* * * * *', during interval DEFAULT NULL)
RETURNS bigint
LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'schedule_waves';
COMMENT ON FUNCTION cirro.schedule_waves(name, text, interval) IS
	'makes or replaces the pg_cron job that calls run_waves as the current user; returns its id';

CREATE FUNCTION cirro.unschedule_waves(space name DEFAULT NULL) RETURNS boolean
LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'unschedule_waves';
COMMENT ON FUNCTION cirro.unschedule_waves(name) IS
	'removes the job of schedule_waves; false if there was none';
