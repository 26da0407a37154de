# cirro: build (PGXS), tests, demo. `make help` lists the targets.
EXTENSION = cirro
MODULE_big = cirro
OBJS = $(patsubst %.c,%.o,$(sort $(wildcard src/*.c)))
PGFILEDESC = "cirro - gigs and invitations"

# The install script is put together from its parts, in this order; the DDL of
# a Space goes in as the text of two functions.
INSTALL_SQL = install/cirro--1.0.sql
DATA_built = $(INSTALL_SQL)

REGRESS = $(patsubst sql/%.sql,%,$(sort $(wildcard sql/*.sql)))
EXTRA_CLEAN = $(INSTALL_SQL)

PG_CFLAGS = -Wall -Wextra -Werror -Wno-unused-parameter -Wno-sign-compare \
	-Wno-missing-field-initializers -Wno-cast-function-type

PG_CONFIG ?= pg_config
PGXS := $(shell $(PG_CONFIG) --pgxs)
include $(PGXS)

$(INSTALL_SQL): install/head.sql install/filter.sql install/engine.sql \
		install/space.sql install/embed.sh
	sh install/embed.sh > $@

# Every source is small and may use any header: rebuild all when one changes.
$(OBJS): $(wildcard src/*.h)
