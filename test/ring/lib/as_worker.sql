-- test/ring/lib/as_worker.sql: calls of the owner's own, as examples/ring/README.md shows
-- them; the test runs them through the front.
CREATE FUNCTION trees.accept_as(worker text, invitation_id bigint) RETURNS trees.invitation
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM set_config('app.worker', worker, true);
    RETURN trees.accept(invitation_id);
END $$;
CREATE FUNCTION trees.invitations_of(worker text) RETURNS SETOF trees.worker_invitation
LANGUAGE sql STABLE AS $$ SELECT * FROM trees.worker_invitation WHERE worker_ref = worker $$;
