# test/clients/check.py: what the scripts of this folder say of each check, in
# Python. Must not end the script: a check that fails is told and the rest
# runs, so that one run shows all that a tool stumbles over.
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
          "notification", "setting", "wave", "worker"]
