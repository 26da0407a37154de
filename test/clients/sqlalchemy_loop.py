# test/clients/sqlalchemy_loop.py: the loop of loop.sql in SQLAlchemy, on
# psycopg 2.
#
# Decides nothing about versions: runs on 1.4 and 2.
import json
import logging

import sqlalchemy as sa
from check import GERMAN, KINDS, PEOPLE, TOMORROW, TWO_HOURS_LATER, done, ok, same
from sqlalchemy.dialects.postgresql import JSONB

print("# SQLAlchemy", sa.__version__, flush=True)

engine = sa.create_engine("postgresql+psycopg2://", future=True)
metadata = sa.MetaData()
worker, gig, worker_invitation = (
    sa.Table(name, metadata, schema="trees", autoload_with=engine) for name in ("worker", "gig", "worker_invitation"))

# What the server tells it logs, at level INFO.
warnings = []
log = logging.getLogger("sqlalchemy.dialects.postgresql")
log.setLevel(logging.INFO)
log.propagate = False
log.addHandler(logging.Handler())
log.handlers[0].emit = lambda record: warnings.append(record.getMessage().split("\n")[0])

# begin() commits at its end; connect() rolls back what commit() was not called for.
with engine.begin() as connection:
    connection.execute(worker.insert(), [dict(ref=ref, profile=profile) for ref, profile in PEOPLE])
    plant = connection.execute(gig.insert().returning(gig.c.id), dict(
        ref="plant", title="Plant trees", url="https://trees.example/plant",
        start_at=TOMORROW, end_at=TWO_HOURS_LATER, total_seats=1, filter_query=GERMAN)).one()
    same("the id is exact", plant.id, 4000000001)
with engine.connect() as connection:
    connection.execute(worker.insert(), dict(ref="nobody"))
    connection.execute(sa.text("CALL cirro.run_waves('trees')"))
    same("in connect() CALL is in a transaction, and warns", warnings,
         ["WARNING:  waves in a transaction block are not committed as they go"])
    warnings.clear()
with engine.connect() as connection:
    same("and without commit() nothing is done", connection.execute(
        sa.select(sa.func.count()).select_from(worker_invitation)).scalar_one(), 0)

# A text is a filter without a cast; a dict needs its type.
preview = sa.text("SELECT DISTINCT matching FROM trees.preview(:filter)")
with engine.connect() as connection:
    same("two match a filter given as text",
         connection.execute(preview, dict(filter=json.dumps(GERMAN))).all(), [(2,)])
    typed = preview.bindparams(sa.bindparam("filter", type_=JSONB))
    same("two match a filter given as dict", connection.execute(typed, dict(filter=GERMAN)).all(), [(2,)])

autocommit = engine.execution_options(isolation_level="AUTOCOMMIT")
with autocommit.connect() as connection:
    connection.execute(sa.text("CALL cirro.run_waves('trees')"))
    same("with AUTOCOMMIT CALL is in no transaction", warnings, [])

accept = sa.text("SELECT * FROM trees.accept(:id)")
invitations = sa.select(worker_invitation)
with engine.begin() as connection:
    ada = connection.execute(invitations.where(worker_invitation.c.worker_ref == "ada")).all()
    same("ada's list", [(row.title, row.can_accept) for row in ada], [("Plant trees", True)])
    accepted = connection.execute(accept, dict(id=ada[0].invitation_id)).one()
    same("ada has accepted", accepted.status, "accepted")
try:
    with engine.begin() as connection:
        eve = connection.execute(invitations.where(worker_invitation.c.worker_ref == "eve")).one()
        connection.execute(accept, dict(id=eve.invitation_id))
    ok("eve's accept fails", False)
except sa.exc.DBAPIError as error:
    diag = error.orig.diag
    same("eve's accept says what is so and what to do",
         (diag.sqlstate, diag.message_primary, diag.message_detail, diag.message_hint),
         ("UG011", "gig 4000000001 is filled", "It has 1 seat.",
          "Wait until a worker leaves, or raise the seats of the gig."))
    same("as a DatabaseError", type(error), sa.exc.DatabaseError)
try:
    with engine.begin() as connection:
        connection.execute(gig.insert(), dict(
            title="Ends before it starts", url="https://trees.example/plant",
            start_at=TWO_HOURS_LATER, end_at=TOMORROW, total_seats=1, filter_query=GERMAN))
    ok("a bad gig fails", False)
except sa.exc.IntegrityError as error:
    diag = error.orig.diag
    same("a bad gig names its field",
         (diag.sqlstate, diag.schema_name, diag.table_name, diag.column_name, diag.constraint_name),
         ("23514", "trees", "gig", "end_at", "gig_end_at_check"))

with engine.begin() as connection:
    claimed = connection.execute(sa.text("SELECT * FROM trees.claim_notifications(100)")).all()
    same("what is claimed", sorted(row.kind for row in claimed), KINDS)
    ok("with the exact number", claimed[0].claim >= 9007199250000001, claimed[0].claim)
# Between the two, outside of a transaction, they are sent.
with engine.begin() as connection:
    confirmed = connection.execute(sa.text("SELECT trees.confirm_notifications(:claim, :ids)"),
                                   dict(claim=claimed[0].claim, ids=[row.id for row in claimed]))
    same("and confirmed", confirmed.scalar_one(), 4)
done()
