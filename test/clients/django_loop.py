# test/clients/django_loop.py: the loop of loop.sql in Django, with models of the
# columns that an application uses, and the path to the Space in the options of
# the connection.
import json
import os

import django
from check import GERMAN, KINDS, PEOPLE, TOMORROW, TWO_HOURS_LATER, done, ok, same
from django.conf import settings

print("# Django", django.get_version(), flush=True)
settings.configure(USE_TZ=True, INSTALLED_APPS=[], ROOT_URLCONF=__name__, ALLOWED_HOSTS=["*"], DATABASES={"default": {
    "ENGINE": "django.db.backends.postgresql", "HOST": os.environ["PGHOST"], "PORT": os.environ["PGPORT"],
    "USER": os.environ["PGUSER"], "NAME": os.environ["PGDATABASE"],
    "OPTIONS": {"options": "-c search_path=trees,public"},
    "ATOMIC_REQUESTS": True}})
django.setup()
from django.db import DatabaseError, IntegrityError, connection, models, transaction  # noqa: E402
from django.http import HttpResponse  # noqa: E402
from django.test import Client  # noqa: E402
from django.urls import path  # noqa: E402


class Worker(models.Model):
    id = models.BigAutoField(primary_key=True)
    ref = models.TextField(unique=True, null=True)
    profile = models.JSONField(default=dict)

    class Meta:
        app_label, managed, db_table = "trees", False, "worker"


class Gig(models.Model):
    id = models.BigAutoField(primary_key=True)
    ref = models.TextField(unique=True, null=True)
    title = models.TextField()
    url = models.TextField()
    start_at = models.DateTimeField()
    end_at = models.DateTimeField()
    total_seats = models.IntegerField(null=True)
    filter_query = models.JSONField()

    class Meta:
        app_label, managed, db_table = "trees", False, "gig"


class WorkerInvitation(models.Model):
    invitation_id = models.BigIntegerField(primary_key=True)
    worker_ref = models.TextField()
    title = models.TextField()
    can_accept = models.BooleanField()

    class Meta:
        app_label, managed, db_table = "trees", False, "worker_invitation"


def fetch(query, *values):
    with connection.cursor() as cursor:
        cursor.execute(query, values)
        names = [column.name for column in cursor.description]
        return [dict(zip(names, row)) for row in cursor]


def call_waves():
    with connection.cursor() as cursor:
        cursor.execute("CALL cirro.run_waves('trees')")


def atomic_view(request):
    call_waves()
    return HttpResponse()


@transaction.non_atomic_requests
def waves_view(request):
    call_waves()
    return HttpResponse()


urlpatterns = [path("atomic", atomic_view), path("waves", waves_view)]


class Warnings(list):
    def append(self, notice):
        super().append(getattr(notice, "message_primary", None) or notice.split("\n")[0].split(":  ")[1])


# Django takes psycopg 3 where it is installed, from Django 4.2 on.
warnings = Warnings()
connection.ensure_connection()
if hasattr(connection.connection, "add_notice_handler"):
    connection.connection.add_notice_handler(warnings.append)
else:
    connection.connection.notices = warnings

Worker.objects.bulk_create([Worker(ref=ref, profile=profile) for ref, profile in PEOPLE])
plant = dict(title="Plant trees", url="https://trees.example/plant", total_seats=1, filter_query=GERMAN)
gig = Gig.objects.create(ref="plant", start_at=TOMORROW, end_at=TWO_HOURS_LATER, **plant)
same("the id is exact", gig.id, 4000000001)
same("two match a filter", fetch("SELECT DISTINCT matching FROM trees.preview(%s)", json.dumps(GERMAN)), [{"matching": 2}])

call_waves()
same("outside of a request CALL is in no transaction", warnings, [])

ada = WorkerInvitation.objects.filter(worker_ref="ada")
same("ada's list", [(row.title, row.can_accept) for row in ada], [("Plant trees", True)])
accepted = fetch("SELECT * FROM trees.accept(%s)", ada[0].invitation_id)
same("ada has accepted", accepted[0]["status"], "accepted")
eve = WorkerInvitation.objects.get(worker_ref="eve")
try:
    with transaction.atomic():
        fetch("SELECT * FROM trees.accept(%s)", eve.invitation_id)
    ok("eve's accept fails", False)
except DatabaseError as error:
    diag = error.__cause__.diag
    same("eve's accept says what is so and what to do",
         (diag.sqlstate, diag.message_primary, diag.message_detail, diag.message_hint),
         ("UG011", "gig 4000000001 is filled", "It has 1 seat.",
          "Wait until a worker leaves, or raise the seats of the gig."))
try:
    Gig.objects.create(**dict(plant, title="Ends before it starts", start_at=TWO_HOURS_LATER, end_at=TOMORROW))
    ok("a bad gig fails", False)
except IntegrityError as error:
    diag = error.__cause__.diag
    same("a bad gig names its field",
         (diag.sqlstate, diag.schema_name, diag.table_name, diag.column_name, diag.constraint_name),
         ("23514", "trees", "gig", "end_at", "gig_end_at_check"))

claimed = fetch("SELECT * FROM trees.claim_notifications(100)")
same("what is claimed", sorted(row["kind"] for row in claimed), KINDS)
ok("with the exact number", claimed[0]["claim"] >= 9007199250000001, claimed[0]["claim"])
confirmed = fetch("SELECT trees.confirm_notifications(%s, %s) AS number", claimed[0]["claim"], [row["id"] for row in claimed])
same("and confirmed", confirmed, [{"number": 4}])

warning = "waves in a transaction block are not committed as they go"
with transaction.atomic():
    call_waves()
same("CALL in atomic() warns", warnings, [warning])
Client().get("/atomic")
same("so it does in a view with ATOMIC_REQUESTS", warnings, [warning] * 2)
Client().get("/waves")
same("but not in one with non_atomic_requests", warnings, [warning] * 2)
done()
