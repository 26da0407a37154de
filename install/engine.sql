-- install/engine.sql
--
-- The engine in schema cirro: the clock, the trigger functions of a Space, and
-- making, dropping, listing and upgrading Spaces.

-- ------------------------------------------------------------------ clock --

CREATE FUNCTION cirro.now() RETURNS timestamptz
LANGUAGE c STABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'cirro_sql_now';
COMMENT ON FUNCTION cirro.now() IS 'the one clock: the later of statement start and transaction start, or the setting cirro.clock';

CREATE FUNCTION cirro.gate_now() RETURNS timestamptz
LANGUAGE c VOLATILE PARALLEL SAFE AS 'MODULE_PATHNAME', 'cirro_sql_gate_now';
COMMENT ON FUNCTION cirro.gate_now() IS 'the wall clock (never before cirro.now()), or the setting cirro.clock: for what may have waited for a lock';

CREATE FUNCTION cirro.add_interval(timestamptz, interval) RETURNS timestamptz
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'cirro_sql_add_interval';
COMMENT ON FUNCTION cirro.add_interval(timestamptz, interval) IS 'the sum, by the days of UTC; infinity where timestamps end';

CREATE FUNCTION cirro.answer_by(invited_at timestamptz, answer_within interval) RETURNS timestamptz
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'cirro_answer_by';
COMMENT ON FUNCTION cirro.answer_by(timestamptz, interval) IS 'until when an invitation can be answered; from then on it counts as expired; NULL: until the gig closes';

CREATE FUNCTION cirro.event_kinds() RETURNS text[]
LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION cirro.event_kinds() IS 'the kinds of events';

CREATE FUNCTION cirro.gig_target(seats_min int, total_seats int, seats_max int,
	seats_granted int) RETURNS int
LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN
	least(coalesce(seats_min, total_seats, seats_max), seats_granted);
COMMENT ON FUNCTION cirro.gig_target(int, int, int, int) IS 'waves run while fewer have accepted';

CREATE FUNCTION cirro.gig_capacity(total_seats int, seats_max int, seats_granted int) RETURNS int
LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN
	least(coalesce(seats_max, total_seats), seats_granted);
COMMENT ON FUNCTION cirro.gig_capacity(int, int, int) IS 'no more can accept; NULL: no limit';

CREATE FUNCTION cirro.gig_expires_rest(seats_max int, seats_granted int) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN
	seats_max IS NOT NULL AND coalesce(seats_granted >= seats_max, true);
COMMENT ON FUNCTION cirro.gig_expires_rest(int, int) IS 'whether the other invitations expire at capacity: it is an explicit seats_max';

CREATE FUNCTION cirro.gig_closes_at(end_at timestamptz, archived_at timestamptz,
	cancelled_at timestamptz) RETURNS timestamptz
LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN least(end_at, archived_at, cancelled_at);
COMMENT ON FUNCTION cirro.gig_closes_at(timestamptz, timestamptz, timestamptz) IS 'from then on nobody is invited, accepts or leaves';

CREATE FUNCTION cirro.gig_archives_at(archive_at timestamptz, archived_at timestamptz) RETURNS timestamptz
LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN coalesce(archived_at, archive_at);
COMMENT ON FUNCTION cirro.gig_archives_at(timestamptz, timestamptz) IS 'archived from then on; NULL: never';

CREATE FUNCTION cirro.wave_wanted(target int, accepted int, multiplier numeric) RETURNS int
LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'wave_wanted';
COMMENT ON FUNCTION cirro.wave_wanted(int, int, numeric) IS 'how many workers a wave invites; at most a million, whatever the multiplier says';

CREATE FUNCTION cirro.gig_phase(start_at timestamptz, end_at timestamptz,
	archive_at timestamptz, archived_at timestamptz, cancelled_at timestamptz) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE RETURN
	CASE WHEN archived_at IS NOT NULL OR archive_at <= cirro.now() THEN 'archived'
		 WHEN cancelled_at IS NOT NULL OR end_at <= cirro.now() THEN 'ended'
		 WHEN start_at <= cirro.now() THEN 'started'
		 ELSE 'created' END;
COMMENT ON FUNCTION cirro.gig_phase(timestamptz, timestamptz, timestamptz, timestamptz, timestamptz) IS 'phase of a gig by the clock: created, started, ended or archived';

CREATE FUNCTION cirro.expired_reason(status text, invited_at timestamptz,
	closes_at timestamptz, answer_within interval, filled boolean) RETURNS text
LANGUAGE c STABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'cirro_expired_reason';
COMMENT ON FUNCTION cirro.expired_reason(text, timestamptz, timestamptz, interval, boolean) IS 'why an invitation that is still open counts as expired by now; NULL if it does not';

CREATE FUNCTION cirro.raise_unknown(kind text, id bigint) RETURNS void
LANGUAGE c PARALLEL SAFE AS 'MODULE_PATHNAME', 'raise_unknown';
COMMENT ON FUNCTION cirro.raise_unknown(text, bigint) IS 'raises UG002, UG003 or UG004 for an unknown gig, invitation or worker';

CREATE FUNCTION cirro.answer_row(space name, invitation_id bigint, status text, reason text) RETURNS record
LANGUAGE c AS 'MODULE_PATHNAME', 'answer_row';
COMMENT ON FUNCTION cirro.answer_row(name, bigint, text, text) IS 'writes a worker''s answer as the statement would; NULL where the statement has to';

CREATE FUNCTION cirro.raise_unwritten(invitation_id bigint, is_there boolean) RETURNS void
LANGUAGE c PARALLEL SAFE AS 'MODULE_PATHNAME', 'raise_unwritten';
COMMENT ON FUNCTION cirro.raise_unwritten(bigint, boolean) IS 'raises UG003 for an invitation that is not there, UG014 for one that a trigger kept as it is';

CREATE FUNCTION cirro.waiting_place(gig_state oid, gig_id bigint, waiting_since timestamptz,
	invitation_id bigint) RETURNS bigint
LANGUAGE c STABLE STRICT PARALLEL RESTRICTED AS 'MODULE_PATHNAME', 'waiting_place';
COMMENT ON FUNCTION cirro.waiting_place(oid, bigint, timestamptz, bigint) IS 'the place in the queue of an invitation that waits, among those of active workers, whomever the caller may see';

CREATE FUNCTION cirro.is_active() RETURNS boolean
LANGUAGE c STABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'cirro_is_active';
COMMENT ON FUNCTION cirro.is_active() IS 'the setting cirro.active, also where the library is not loaded yet';

-- ------------------------------------------------------ trigger functions --

CREATE FUNCTION cirro.worker_check() RETURNS trigger LANGUAGE c AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION cirro.worker_check() IS 'trigger of worker, before insert or update of each row';
CREATE FUNCTION cirro.worker_deleting() RETURNS trigger LANGUAGE c AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION cirro.worker_deleting() IS 'trigger of worker, after delete of each row';
CREATE FUNCTION cirro.worker_activated() RETURNS trigger LANGUAGE c AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION cirro.worker_activated() IS 'trigger of worker, after update of each row that becomes active';
CREATE FUNCTION cirro.setting_guard() RETURNS trigger LANGUAGE c AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION cirro.setting_guard() IS 'trigger of setting, before delete of each row';
CREATE FUNCTION cirro.consumer_check() RETURNS trigger LANGUAGE c AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION cirro.consumer_check() IS 'trigger of consumer, before insert or update of each row';
CREATE FUNCTION cirro.refuse_truncate() RETURNS trigger LANGUAGE c AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION cirro.refuse_truncate() IS 'trigger of each table of a Space, before truncate';

CREATE FUNCTION cirro.gig_check() RETURNS trigger LANGUAGE c AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION cirro.gig_check() IS 'trigger of gig, before insert or update of each row';
CREATE FUNCTION cirro.gig_delete_check() RETURNS trigger LANGUAGE c AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION cirro.gig_delete_check() IS 'trigger of gig, before delete of each row';
CREATE FUNCTION cirro.gig_inserted() RETURNS trigger LANGUAGE c AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION cirro.gig_inserted() IS 'trigger of gig, after an insert statement';
CREATE FUNCTION cirro.gig_updated() RETURNS trigger LANGUAGE c AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION cirro.gig_updated() IS 'trigger of gig, after an update statement';
CREATE FUNCTION cirro.gig_deleting() RETURNS trigger LANGUAGE c AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION cirro.gig_deleting() IS 'trigger of gig, after delete of each row';
CREATE FUNCTION cirro.gig_deleted() RETURNS trigger LANGUAGE c AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION cirro.gig_deleted() IS 'trigger of gig, after a delete statement';

CREATE FUNCTION cirro.invitation_check() RETURNS trigger LANGUAGE c AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION cirro.invitation_check() IS 'trigger of invitation, before insert or update of each row';
CREATE FUNCTION cirro.invitation_inserted() RETURNS trigger LANGUAGE c AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION cirro.invitation_inserted() IS 'trigger of invitation, after an insert statement';
CREATE FUNCTION cirro.invitation_updated() RETURNS trigger LANGUAGE c AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION cirro.invitation_updated() IS 'trigger of invitation, after an update statement';
CREATE FUNCTION cirro.invitation_deleted() RETURNS trigger LANGUAGE c AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION cirro.invitation_deleted() IS 'trigger of invitation, after a delete statement';

CREATE FUNCTION cirro.notification_check() RETURNS trigger LANGUAGE c AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION cirro.notification_check() IS 'trigger of notification, before update of rows that live again, come earlier or change their consumer';

-- ----------------------------------------------------------------- Spaces --

CREATE FUNCTION cirro.create_space(space name, owner regrole DEFAULT NULL,
	ref_type regtype DEFAULT 'text') RETURNS void
LANGUAGE c AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION cirro.create_space(name, regrole, regtype) IS 'makes a Space in a new schema, or in an existing one without clashing names';

CREATE FUNCTION cirro.drop_space(space name) RETURNS void
LANGUAGE c AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION cirro.drop_space(name) IS 'drops what create_space made, unless other objects depend on it';

CREATE PROCEDURE cirro.upgrade_spaces(space name DEFAULT NULL)
LANGUAGE c AS 'MODULE_PATHNAME';
COMMENT ON PROCEDURE cirro.upgrade_spaces(name) IS 'brings a Space, or all that the caller may, to the DDL of this version';

CREATE FUNCTION cirro.spaces(OUT space name, OUT owner regrole, OUT version int,
	OUT paused boolean, OUT defect text) RETURNS SETOF record
LANGUAGE c STABLE AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION cirro.spaces() IS 'every Space of this database; version and paused only where the caller may run it';

CREATE FUNCTION cirro.metrics(OUT space name, OUT paused boolean, OUT open_gigs bigint,
	OUT seats bigint, OUT accepted bigint, OUT pending bigint, OUT waiting bigint, OUT due_gigs bigint,
	OUT late_seconds double precision, OUT failed_gigs bigint, OUT exhausted_gigs bigint,
	OUT open_notifications bigint, OUT dead_notifications bigint,
	OUT oldest_notification_seconds double precision, OUT invitations_total bigint,
	OUT waves_total bigint, OUT events_total bigint, OUT defect text) RETURNS SETOF record
LANGUAGE c STABLE AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION cirro.metrics() IS 'for monitoring, a row per Space whose gig_state the caller may read: open gigs, their seats, accepted, pending and waiting invitations; gigs that the tick has to look at and for how long the first of them has waited; gigs whose last turn failed, or whose last wave found nobody; notifications open and dead, and the age of the oldest open one; ids given so far; all NULL but the defect of a damaged Space';
