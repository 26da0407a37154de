# test/clients/check.py: what the scripts of this folder say of each check, in
# Python, and who takes part in the loop. Must not end the script: a check that
# fails is told and the rest runs, so that one run shows all that a tool stumbles
# over.
import datetime
import sys

failed = False


def ok(name, good, told=None):
    global failed
    print(("ok" if good else "not ok") + " - " + name, flush=True)
    if not good:
        failed = True
        if told is not None:
            print(told, flush=True)


def same(name, got, expected):
    ok(name, got == expected, {"got": got, "expected": expected})


def done():
    sys.exit(failed)


# What applications read and write, and gig_state, which they may read.
TABLES = ["attempt", "consumer", "event", "gig", "gig_state", "invitation",
          "look", "notification", "setting", "wave", "worker"]

# What loop.sql asks for.
PEOPLE = [("ada", {"name": "Ada", "languages": ["de", "en"], "rating": 4.5}),
          ("bob", {"name": "Bob", "languages": ["fr"], "rating": 5}),
          ("eve", {"name": "Eve", "languages": ["de"], "rating": 4})]
GERMAN = {"languages": "de", "rating": {"$gte": 4}}
TOMORROW = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=1)
TWO_HOURS_LATER = TOMORROW + datetime.timedelta(hours=2)
KINDS = ["gig.filled", "invitation.created", "invitation.created", "invitation.updated"]
