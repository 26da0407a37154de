# cirro: build (PGXS), tests, demo. `make help` lists the targets.
EXTENSION = cirro
MODULE_big = cirro
OBJS = $(patsubst %.c,%.o,$(sort $(wildcard src/*.c src/*/*.c)))
PGFILEDESC = "cirro - gigs and invitations"

# The install script is put together from its parts, in this order; the DDL of
# a Space goes in as the text of two functions.
INSTALL_SQL = install/cirro--1.0.sql
DATA_built = $(INSTALL_SQL)

REGRESS = $(patsubst sql/%.sql,%,$(sort $(wildcard sql/*.sql)))
SPECS = $(patsubst test/isolation/specs/%.spec,%,$(sort $(wildcard test/isolation/specs/*.spec)))
EXTRA_CLEAN = $(INSTALL_SQL) output_iso tmp_check

# `make test` adds -Werror (COPT); who builds with a compiler of tomorrow is
# not stopped by its new warnings.
WARNINGS = -Wall -Wextra -Wno-unused-parameter -Wno-sign-compare \
	-Wno-missing-field-initializers -Wno-cast-function-type
# The library shows its SQL functions alone, as with PostgreSQL 16 and later it
# would anyway.
PG_CFLAGS = $(WARNINGS) -fvisibility=hidden
PG_CPPFLAGS = -I$(srcdir)/src

# These bring along what they need, PostgreSQL included, and work before it is
# there; everything else is PGXS and takes PG_CONFIG=/path/to/pg_config.
BENCHES = $(patsubst test/bench/%.sh,bench-%,$(filter-out test/bench/server.sh,$(wildcard test/bench/*.sh)))
ALONE = help setup test layers style docs-check soak crash test-ring test-cells test-sanitize fuzz fuzz-parser demo demo-stop picture deb deb-test dist test-debian $(BENCHES)

help:
	@echo 'make, make install      build and install the extension (PG_CONFIG=/path/to/pg_config)'
	@echo 'make installcheck       regression tests against a running server; likewise'
	@echo '                        make installcheck-isolation and make installcheck-tap'
	@echo 'make demo               a crowd, gigs and waves in a throwaway cluster, in three minutes'
	@echo "                        (CROWD=file.jsonl[.gz] FILTER='{…}': with your own people)"
	@echo 'make demo-stop          ends it'
	@echo 'make picture            docs/gig.svg, of a gig of the demo that is up (PAGE=file.html: of that page)'
	@echo "make deb                Debian's package, for the PostgreSQL of this Debian, in build/"
	@echo 'make dist               the last commit as the PGXN takes it, a zip in build/'
	@echo 'make test               build and run every test in a temporary folder'
	@echo '                        (SUITES="regress tap …", SEED=0.25, KEEP=1)'
	@echo 'make layers style       two of them, which need only perl: who includes whom, and the look of C'
	@echo "make docs-check         the manual: its SQL, links, and whether the reference is complete"
	@echo 'make soak               random traffic by many clients, deadlocks counted (SOAK_SECONDS=600, SOAK_SEED=…)'
	@echo 'make crash              kill -9 in the middle of it, over and over (CRASH_ROUNDS=200, CRASH_SEED=…)'
	@echo 'make test-ring          Spaces on several servers behind PL/Proxy, and one that moves, for long (RING_SECONDS=600)'
	@echo 'make test-cells         one Space on four servers, kill -9 in the middle of it, for long (CELLS_SECONDS=600)'
	@echo 'make test-sanitize      the same with AddressSanitizer and UndefinedBehaviorSanitizer in the library'
	@echo 'make fuzz               hostile input for long: parser, input functions, all calls, sqlsmith'
	@echo '                        (FUZZ_SECONDS=600, FUZZ_INPUTS=2000000, FUZZ_SEED=42); make fuzz-parser'
	@echo 'make test-debian        make test, demo and deb-test, and Dockerfile, on a bare Debian (root; SUITE=bookworm)'
	@echo "make deb-test           builds, installs, tests and removes Debian's package: for a throwaway Debian"
	@echo 'make bench-filter       filters against jsquery, jsonpath and plain SQL, on a million profiles'
	@echo '                        (N=100000, ROUNDS=7; a table in Markdown)'
	@echo 'make bench-waves        waves against bare inserts and a loop by hand, with a million workers'
	@echo '                        (N=100000, GIGS=1000, ROUNDS=3; a table in Markdown)'
	@echo 'make bench-idle         what Spaces cost in which nothing is due (SPACES="200 1000 5000")'
	@echo 'make bench-spaces       what many Spaces in one database cost: create, calls, ticks, upgrades, pg_dump'
	@echo '                        (SPACES="100 400", ROUNDS=1, BEFORE=commit: test/bench/spaces.sh)'
	@echo 'make bench-tick         ticks that have much due and little to do, or nothing due among many gigs'
	@echo '                        (N=20000 OPEN=5000 DUE=1000 ROUNDS=1)'
	@echo 'make bench-accept       accepts against a statement written by hand, attempts, notifications'
	@echo '                        (BATCH=2000, ROUNDS=1, ACCEPTS=5000, …: test/bench/accept.sh)'
	@echo 'make bench-invite       calls that write many rows against the bare statements'
	@echo '                        (SIZES="1000 5000", ROUNDS=1: test/bench/invite.sh)'
	@echo 'make bench-notify       claims of notifications while a snapshot keeps vacuum from cleaning up'
	@echo '                        (NOTIFICATIONS=20000, ROUNDS=1, FLOOR=off: test/bench/notify.sh)'
	@echo 'make bench-session      the first waves of a new session, and what they wait for'
	@echo '                        (N=20000 ROUNDS=1: test/bench/session.sh)'
	@echo 'make bench-ring         calls through the front of a ring, beside the same at the back end'
	@echo '                        (CALLS=200 ROUNDS=2: test/bench/ring.sh)'
	@echo 'make bench-cells        an accept in cells, whose seat is here, elsewhere or nowhere, and ticks of the mover'
	@echo '                        (CALLS=100 GIGS=200: test/bench/cells.sh)'
	@echo 'make bench-report       pages of cirro.report() of a Space with 1,000,000 invitations'
	@echo '                        (INVITATIONS=50000, GIGS=2000, ROUNDS=1: test/bench/report.sh)'
	@echo 'make bench-regex        regular expressions in filters against a scan, ~ and, with BEFORE=commit, an'
	@echo '                        older library (N=20000, ROUNDS=3: test/bench/regex.sh)'
	@echo 'make bench-size         bytes on disk and of WAL: a worker, a gig, an invitation, an accept, a Space'
	@echo '                        (N=50000 GIGS=1000: test/bench/size.sh)'
	@echo 'make bench-plan         250 Spaces with 250,000 open gigs in one database: ticks over all of them'
	@echo '                        (SPACES=10 N=2000 GIGS=100 CHANGED=5 ROUNDS=1: test/bench/plan.sh)'
	@echo 'make bench-stored       which of a million stored filters match a document, beside evaluating all of them;'
	@echo '                        ticks over a million gigs that are asleep; half an hour (a minute: test/bench/stored.sh)'
	@echo 'make bench-move         how long calls stand still while a Space moves to another back end, beside a dump of it'
	@echo '                        (SIZES=2000:2900 ROUNDS=1: test/bench/move.sh)'
	@echo 'make setup              install what test and demo need, on Debian; they do it themselves'

setup:
	@test/setup.sh clients

test:
	@test/run.sh

layers style:
	@test/$@.pl

docs-check: export SUITES = docs
docs-check:
	@test/run.sh

# The long forms of two tests; each prints its seed.
soak: export SOAK_SECONDS ?= 600
soak: export PROVE_TESTS = test/t/006_soak.pl test/t/017_sleep.pl test/t/019_waiting.pl test/t/020_rules.pl
crash: export CRASH_ROUNDS ?= 200
crash: export PROVE_TESTS = test/t/008_crash.pl
soak crash: export SUITES = tap
soak crash: export LIMIT = 86400
soak crash:
	@test/run.sh

# The long forms of two suites.
test-ring: export RING_SECONDS ?= 600
test-ring: export SUITES = ring
test-cells: export CELLS_SECONDS ?= 600
test-cells: export SUITES = cells
test-ring test-cells: export LIMIT = 86400
test-ring test-cells:
	@test/run.sh

# What a sanitizer can see, in the suites that reach the most code.
test-sanitize:
	@SANITIZE=1 SUITES="$${SUITES:-regress isolation tap parser mutation ways}" \
		PROVE_TESTS="$${PROVE_TESTS:-test/t/030_fuzz.pl}" test/run.sh

fuzz:
	@FUZZ_SECONDS="$${FUZZ_SECONDS:-600}" FUZZ_INPUTS="$${FUZZ_INPUTS:-2000000}" MEMORY_CALLS="$${MEMORY_CALLS:-100000}" \
		MUTATIONS="$${MUTATIONS:-1000000}" SUITES="$${SUITES:-parser smith mutation tap}" \
		PROVE_TESTS="$${PROVE_TESTS:-test/t/030_fuzz.pl test/t/007_memory.pl}" test/run.sh

fuzz-parser:
	@FUZZ_SECONDS="$${FUZZ_SECONDS:-600}" SUITES=parser test/run.sh

# A filter is full of dollars, which are not make's.
ifdef FILTER
override FILTER := $(value FILTER)
export FILTER
endif

demo:
	@test/demo/run.sh

demo-stop:
	@test/demo/stop.sh

picture:
	@test/demo/picture.pl $(PAGE)

deb:
	@test/deb.sh

deb-test:
	@test/deb_test.sh

VERSION = $(shell sed -n 's/^    "version": "\(.*\)",$$/\1/p' META.json)
dist:
	@mkdir -p build
	@git archive --format=zip --prefix=cirro-$(VERSION)/ -o build/cirro-$(VERSION).zip HEAD
	@echo 'Made: build/cirro-$(VERSION).zip'

test-debian:
	@test/debian.sh

$(BENCHES): bench-%:
	@test/bench/$*.sh
.PHONY: $(ALONE)
.DEFAULT_GOAL = all

ifneq ($(filter-out $(ALONE),$(or $(MAKECMDGOALS),all)),)

PG_CONFIG ?= pg_config
PGXS := $(shell $(PG_CONFIG) --pgxs)
ifeq ($(PGXS),)
$(error $(PG_CONFIG) does not run: install the server headers of PostgreSQL, or say PG_CONFIG=/path/to/pg_config)
endif
include $(PGXS)

$(INSTALL_SQL): install/head.sql install/filter.sql install/index.sql install/explain.sql install/engine.sql install/waves.sql install/report.sql \
		install/space.sql install/embed.sh
	sh install/embed.sh > $@

# Every source is small and may use any header: rebuild all when one changes.
$(OBJS): $(wildcard src/*.h src/*/*.h)

installcheck-isolation:
	$(pg_isolation_regress_installcheck) --inputdir=test/isolation --load-extension=cirro $(ISOLATION_OPTS) $(SPECS)

installcheck-tap: PROVE_TESTS ?= test/t/*.pl
installcheck-tap:
	$(prove_installcheck)

# What clang would warn of, as errors.
clang-warnings:
	$(CLANG) -fsyntax-only -Werror -Wno-ignored-attributes -Wno-unknown-warning-option \
		$(WARNINGS) $(CPPFLAGS) $(OBJS:.o=.c)

print-clang:
	@command -v "$(or $(CLANG),clang)" || command -v clang

.PHONY: installcheck-isolation installcheck-tap clang-warnings print-clang
endif
