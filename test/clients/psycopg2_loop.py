# test/clients/psycopg2_loop.py: the loop of loop.sql in psycopg 2.
import datetime
import json

import psycopg2
from check import GERMAN, KINDS, PEOPLE, TOMORROW, TWO_HOURS_LATER, done, ok, same
from psycopg2.extras import Json, NamedTupleCursor

print("# psycopg", psycopg2.__version__, flush=True)
WARNING = ("WARNING:  waves in a transaction block are not committed as they go\n"
           "DETAIL:  At most 100 gigs are done, rows stay locked until the end of the transaction,"
           " and a ROLLBACK takes all of it back.\n"
           "HINT:  CALL cirro.run_waves() outside of a transaction block; where a driver opens one unasked,"
           " in autocommit mode.\n")

# With the default, each statement begins a transaction that commit() ends.
connection = psycopg2.connect("", cursor_factory=NamedTupleCursor)
cursor = connection.cursor()
cursor.execute("CALL cirro.run_waves('trees')")
same("by default CALL is in a transaction, and warns", connection.notices, [WARNING])
connection.rollback()
connection.notices.clear()

# It is rolled back where commit() is not called, as at the end of a with.
other = psycopg2.connect("")
other.cursor().execute("INSERT INTO trees.worker (ref) VALUES ('nobody')")
other.close()

with connection, connection.cursor() as cursor:
    cursor.execute("SELECT count(*) FROM trees.worker")
    same("without commit() nothing is done", cursor.fetchone().count, 0)
    # A dict has to be a Json; the literal that it becomes needs no cast.
    for ref, profile in PEOPLE:
        cursor.execute("INSERT INTO trees.worker (ref, profile) VALUES (%s, %s)", (ref, Json(profile)))
    cursor.execute("""
        INSERT INTO trees.gig (ref, title, url, start_at, end_at, total_seats, filter_query, answer_within)
        VALUES ('plant', 'Plant trees', 'https://trees.example/plant', %s, %s, 1, %s, %s) RETURNING id""",
                   (TOMORROW, TWO_HOURS_LATER, Json(GERMAN), datetime.timedelta(hours=12)))
    same("the id is exact", cursor.fetchone().id, 4000000001)
    for filter in Json(GERMAN), json.dumps(GERMAN):
        cursor.execute("SELECT DISTINCT matching FROM trees.preview(%s)", (filter,))
        same("two match a filter given as " + type(filter).__name__, cursor.fetchall(), [(2,)])

connection.autocommit = True
cursor = connection.cursor()
cursor.execute("CALL cirro.run_waves('trees')")
same("with autocommit CALL is in no transaction", connection.notices, [])

invitations = "SELECT invitation_id, title, can_accept FROM trees.worker_invitation WHERE worker_ref = %s"
cursor.execute(invitations, ("ada",))
ada = cursor.fetchall()
same("ada's list", [(row.title, row.can_accept) for row in ada], [("Plant trees", True)])
cursor.execute("SELECT * FROM trees.accept(%s)", (ada[0].invitation_id,))
same("ada has accepted", cursor.fetchone().status, "accepted")
cursor.execute(invitations, ("eve",))
eve = cursor.fetchone()
try:
    cursor.execute("SELECT * FROM trees.accept(%s)", (eve.invitation_id,))
    ok("eve's accept fails", False)
except psycopg2.Error as error:
    same("eve's accept says what is so and what to do",
         (error.pgcode, error.diag.message_primary, error.diag.message_detail, error.diag.message_hint),
         ("UG011", "gig 4000000001 is filled", "It has 1 seat.",
          "Wait until a worker leaves, or raise the seats of the gig."))
    same("as a DatabaseError", type(error), psycopg2.DatabaseError)
try:
    cursor.execute("""
        INSERT INTO trees.gig (title, url, start_at, end_at, total_seats, filter_query)
        VALUES ('Ends before it starts', 'https://trees.example/plant', %s, %s, 1, '{}')""",
                   (TWO_HOURS_LATER, TOMORROW))
    ok("a bad gig fails", False)
except psycopg2.errors.CheckViolation as error:
    same("a bad gig names its field",
         (error.diag.schema_name, error.diag.table_name, error.diag.column_name, error.diag.constraint_name),
         ("trees", "gig", "end_at", "gig_end_at_check"))

cursor.execute("SELECT * FROM trees.claim_notifications(100)")
claimed = cursor.fetchall()
same("what is claimed", sorted(row.kind for row in claimed), KINDS)
ok("with the exact number", claimed[0].claim >= 9007199250000001, claimed[0].claim)
same("and the payload as a dict", claimed[0].payload["gig"]["ref"], "plant")
# A list is an array of PostgreSQL.
cursor.execute("SELECT trees.confirm_notifications(%s, %s)", (claimed[0].claim, [row.id for row in claimed]))
same("and confirmed", cursor.fetchone()[0], 4)
done()
