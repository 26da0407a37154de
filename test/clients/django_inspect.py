# test/clients/django_inspect.py: the models that Django's inspectdb makes of a
# Space are complete, can be imported and write a gig.
#
# The models are used as they come. Arrays alone are guessed: Django's fields
# have none (django.contrib.postgres has).
import datetime
import importlib
import os
import re
import sys

import django
from check import TABLES, done, ok, same
from django.conf import settings
from django.core.management import call_command

print("# Django", django.get_version(), flush=True)
folder = os.getcwd()
sys.path.insert(0, folder)


def database(space):
    return {"ENGINE": "django.db.backends.postgresql", "HOST": os.environ["PGHOST"], "PORT": os.environ["PGPORT"],
            "USER": os.environ["PGUSER"], "NAME": os.environ["PGDATABASE"],
            "OPTIONS": {"options": "-c search_path=" + space}}


settings.configure(USE_TZ=True, INSTALLED_APPS=[],
                   DATABASES={"default": database("trees"), "ponds": database("ponds"), "houses": database("houses")})
django.setup()


def inspect(space, alias, *tables):
    path = os.path.join(folder, space + "_models.py")
    with open(path, "w") as file:
        call_command("inspectdb", *tables, database=alias, stdout=file)
    with open(path) as file:
        return file.read()


text = inspect("trees", "default")
ok("every table could be inspected", "Unable to inspect" not in text, text)
model, guessed, tables = None, [], []
for line in text.splitlines():
    found = re.match(r"class (\w+)\(", line)
    if found:
        model = found.group(1)
    if "is a guess" in line:
        guessed.append(model + "." + line.split()[0])
    found = re.match(r"\s+db_table = '(\w+)'", line)
    if found:
        tables.append(found.group(1))
for name in TABLES:
    ok(name + " has a model", name in tables)
same("no type is guessed but those of arrays, of gig_filter and of gig_key", guessed,
     ["Attempt.gig_ids", "Consumer.kinds", "GigFilter.filter", "GigFilter.sort", "GigKey.filter", "Look.unwoken"])

# A model belongs to an application; here to none that is installed.
for space in "trees", "ponds", "houses":
    if space != "trees":
        inspect(space, space, "gig")
    path = os.path.join(folder, space + "_models.py")
    with open(path) as file:
        text = file.read().replace("        managed = False", "        app_label = '%s'\n        managed = False" % space)
    with open(path, "w") as file:
        file.write(text)
models = importlib.import_module("trees_models")
ok("the models can be imported", models.Gig._meta.db_table == "gig")

now = datetime.datetime.now(datetime.timezone.utc)
fields = dict(title="Plant", url="https://trees.example/1", start_at=now + datetime.timedelta(days=1),
              end_at=now + datetime.timedelta(days=2), total_seats=2, filter_query={})
# Django writes every column: what is not given as NULL, but text as ''.
models.Gig(id=1000, invitation_mode=None, **fields).save(force_insert=True)
gig = models.Gig.objects.get(id=1000)
same("a gig of the required fields has the defaults",
     (gig.invitation_mode, gig.invitation_multiplier, gig.invitation_frequency),
     ("auto", 10, datetime.timedelta(minutes=5)))
same("its filter is the object given", gig.filter_query, {})
ok("and its time", abs(gig.created_at - now) < datetime.timedelta(minutes=10), gig.created_at)
gig.title = "Plant more"
gig.save()
same("all columns can be written back", models.Gig.objects.get(id=1000).title, "Plant more")

for space, field in ("ponds", "BigIntegerField"), ("houses", "UUIDField"):
    gig = importlib.import_module(space + "_models").Gig
    same("the ref of a gig in %s is a %s" % (space, field), gig._meta.get_field("ref").get_internal_type(), field)
done()
