# test/clients/psycopg_loop.py: the loop of loop.sql in psycopg 3.
import json
import os

import psycopg
from check import GERMAN, KINDS, PEOPLE, TOMORROW, TWO_HOURS_LATER, done, ok, same
from psycopg.rows import namedtuple_row
from psycopg.types.json import Json, Jsonb

print("# psycopg", psycopg.__version__, flush=True)
warnings = []


# PgBouncer before 1.21 gives a prepared statement to whoever comes next.
prepare = {"prepare_threshold": None} if "POOLED" in os.environ else {}


def connect(**options):
    connection = psycopg.connect(row_factory=namedtuple_row, **prepare, **options)
    connection.add_notice_handler(
        lambda diag: warnings.append((diag.severity_nonlocalized, diag.sqlstate, diag.message_primary)))
    return connection


# With the default, each statement begins a transaction that commit() ends.
with connect() as connection:
    connection.execute("CALL cirro.run_waves('trees')")
    connection.rollback()
same("by default CALL is in a transaction, and warns", warnings,
     [("WARNING", "25001", "waves in a transaction block are not committed as they go")])
warnings.clear()

# It is rolled back where commit() is not called, as at the end of a with.
connection = connect()
connection.execute("INSERT INTO trees.worker (ref) VALUES ('nobody')")
connection.close()

# With autocommit, transaction() makes one where it is wanted.
connection = connect(autocommit=True)
same("without commit() nothing is done", connection.execute("SELECT count(*) FROM trees.worker").fetchone().count, 0)
with connection.transaction():
    for ref, profile in PEOPLE:
        connection.execute("INSERT INTO trees.worker (ref, profile) VALUES (%s, %s)", (ref, Jsonb(profile)))
    gig = connection.execute("""
        INSERT INTO trees.gig (ref, title, url, start_at, end_at, total_seats, filter_query)
        VALUES ('plant', 'Plant trees', 'https://trees.example/plant', %s, %s, 1, %s) RETURNING id""",
                             (TOMORROW, TWO_HOURS_LATER, Jsonb(GERMAN))).fetchone()
same("the id is exact", gig.id, 4000000001)
for filter in Jsonb(GERMAN), Json(GERMAN), json.dumps(GERMAN):
    rows = connection.execute("SELECT DISTINCT matching FROM trees.preview(%s)", (filter,)).fetchall()
    same("two match a filter given as " + type(filter).__name__, rows, [(2,)])

connection.execute("CALL cirro.run_waves(%s)", ("trees",))
same("with autocommit CALL is in no transaction", warnings, [])

invitations = "SELECT invitation_id, title, can_accept FROM trees.worker_invitation WHERE worker_ref = %s"
ada = connection.execute(invitations, ("ada",)).fetchall()
same("ada's list", [(row.title, row.can_accept) for row in ada], [("Plant trees", True)])
accepted = connection.execute("SELECT * FROM trees.accept(%s)", (ada[0].invitation_id,)).fetchone()
same("ada has accepted", accepted.status, "accepted")
eve = connection.execute(invitations, ("eve",)).fetchone()
try:
    connection.execute("SELECT * FROM trees.accept(%s)", (eve.invitation_id,))
    ok("eve's accept fails", False)
except psycopg.Error as error:
    same("eve's accept says what is so and what to do",
         (error.sqlstate, error.diag.message_primary, error.diag.message_detail, error.diag.message_hint),
         ("UG011", "gig 4000000001 is filled", "It has 1 seat.",
          "Wait until a worker leaves, or raise the seats of the gig."))
    same("as a DatabaseError", type(error), psycopg.DatabaseError)
try:
    connection.execute("""
        INSERT INTO trees.gig (title, url, start_at, end_at, total_seats, filter_query)
        VALUES ('Ends before it starts', 'https://trees.example/plant', %s, %s, 1, '{}')""",
                       (TWO_HOURS_LATER, TOMORROW))
    ok("a bad gig fails", False)
except psycopg.errors.CheckViolation as error:
    same("a bad gig names its field",
         (error.diag.schema_name, error.diag.table_name, error.diag.column_name, error.diag.constraint_name),
         ("trees", "gig", "end_at", "gig_end_at_check"))

claimed = connection.execute("SELECT * FROM trees.claim_notifications(100)").fetchall()
same("what is claimed", sorted(row.kind for row in claimed), KINDS)
ok("with the exact number", claimed[0].claim >= 9007199250000001, claimed[0].claim)
same("and the payload as a dict", claimed[0].payload["gig"]["ref"], "plant")
confirmed = connection.execute("SELECT trees.confirm_notifications(%s, %s)",
                               (claimed[0].claim, [row.id for row in claimed])).fetchone()
same("and confirmed", confirmed[0], 4)
# After five times psycopg prepares a statement on the server.
for _ in range(8):
    connection.execute("CALL cirro.run_waves(%s)", ("trees",))
same("prepared, CALL is in no transaction either", warnings, [])
done()
