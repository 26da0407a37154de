# test/clients/sqlalchemy_reflect.py: SQLAlchemy reads the tables of a Space
# from the catalogue, every warning an error, and writes a gig with what it read.
#
# Decides nothing about versions: runs on 1.4 and 2.
import datetime
import warnings

import sqlalchemy as sa
from check import TABLES, done, ok, same

print("# SQLAlchemy", sa.__version__, flush=True)

engine = sa.create_engine("postgresql+psycopg2://")
metadata = sa.MetaData()
with warnings.catch_warnings():
    warnings.simplefilter("error")
    for name in TABLES:
        try:
            table = sa.Table(name, metadata, schema="trees", autoload_with=engine)
            strange = [c.name for c in table.columns if isinstance(c.type, sa.types.NullType)]
            ok(name + " is reflected without a warning", not strange, strange)
        except (Warning, sa.exc.SQLAlchemyError) as error:
            ok(name + " is reflected without a warning", False, repr(error))

with warnings.catch_warnings(record=True) as told:
    warnings.simplefilter("always")
    every = sa.MetaData()
    every.reflect(engine, schema="trees")
same("of all tables only gig_filter and gig_key have columns of an unknown type",
     sorted({t.name for t in every.tables.values() for c in t.columns if isinstance(c.type, sa.types.NullType)}),
     ["gig_filter", "gig_key"])
same("and they alone are warned of", len([w for w in told if "recognize type" in str(w.message)]), 3)

gig = metadata.tables["trees.gig"]
same("the columns that a gig asks for",
     [c.name for c in gig.columns if not c.nullable and c.server_default is None
      and not c.identity and c.autoincrement is not True and not c.primary_key],
     ["title", "url", "start_at", "end_at", "filter_query"])
now = datetime.datetime.now(datetime.timezone.utc)
fields = dict(title="Plant", url="https://trees.example/1", start_at=now + datetime.timedelta(days=1),
              end_at=now + datetime.timedelta(days=2), total_seats=2, filter_query={})
with engine.begin() as connection:
    row = connection.execute(gig.insert().values(**fields).returning(
        gig.c.id, gig.c.invitation_mode, gig.c.invitation_multiplier, gig.c.invitation_frequency)).one()
    same("a gig of the required fields has the defaults", tuple(row)[1:], ("auto", 10, datetime.timedelta(minutes=5)))
    same("its filter is the object given",
         connection.execute(sa.select(gig.c.filter_query).where(gig.c.id == row.id)).scalar_one(), {})
    same("no sort query is sqlalchemy.null()",
         connection.execute(gig.insert().values(sort_query=sa.null(), **fields).returning(gig.c.sort_query)).scalar_one(), None)

for space, kind, ref in (("ponds", sa.BIGINT, 2**40), ("houses", sa.dialects.postgresql.UUID, None)):
    table = sa.Table("gig", sa.MetaData(), schema=space, autoload_with=engine)
    ok("the ref of a gig in %s is a %s" % (space, kind.__name__), isinstance(table.c.ref.type, kind), table.c.ref.type)
done()
