#!/bin/sh
# test/clients/run.sh: can what applications are written with use a Space, each
# in its own idiom?
#
# Decides which tools there are, which of them can run here, and how many run at
# a time. Each has a database of its own on the server that psql reaches, a copy
# of one with the Spaces of setup.sql, so that none sees another's rows, and is
# connected as their owner, who is no superuser. The packages of Debian and npm's
# registry may be out of reach, which is told by name and no failure. Installs
# nothing outside its temporary folder (test/setup.sh clients installs Debian's
# packages) and lets no package of npm run a script when it is installed. Exit
# status 0 only if no tool fails.
#
# TOOLS="…"        which ones; without a word, all
# CLIENT_JOBS=2    how many at a time; without a word, as the processors are
# NODE_MODULES=…   npm's packages, where they are installed already
set -eu
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../lib.sh"

# ---------------------------------------------------------------- the tools --

# A tool a line: its name and the command that runs it, one of those below. It
# begins in a folder of its own with PGDATABASE, PGUSER, PGHOST and PGPORT set,
# prints its checks, and is failed by its exit status; 77: it cannot run here,
# for the reason in its last line. Those that wait for npm come last, of
# these the long ones first.
all_tools()
{
	cat <<-'END'
		psycopg2			as_loop by_python psycopg2_loop.py psycopg2
		psycopg				as_loop by_python psycopg_loop.py psycopg
		sqlalchemy			as_loop by_python sqlalchemy_loop.py sqlalchemy psycopg2
		django				as_loop by_python django_loop.py django psycopg2
		activerecord		as_loop by_ruby activerecord_loop.rb active_record pg
		jdbc				as_loop by_java jdbc_loop.java JdbcLoop
		lib_pq				as_loop by_go lib_pq_loop.go github.com/lib/pq
		pgbouncer_psycopg	as_loop through_pgbouncer by_python psycopg_loop.py psycopg
		pgbouncer_jdbc		as_loop through_pgbouncer by_java jdbc_loop.java JdbcLoop
		pgbouncer_lib_pq	as_loop through_pgbouncer by_go lib_pq_loop.go github.com/lib/pq
		sqlalchemy_tables	by_python sqlalchemy_reflect.py sqlalchemy psycopg2
		django_tables		by_python django_inspect.py django psycopg2
		activerecord_schema	by_ruby activerecord_schema.rb active_record pg
		kysely				kysely
		drizzle				drizzle
		delivery			delivery
		site				site
		report				report
		pg					as_loop by_node pg_loop.js
		pgbouncer_pg		as_loop through_pgbouncer by_node pg_loop.js
		postgresjs			as_loop by_node postgresjs_loop.js
		pgbouncer_postgresjs	as_loop through_pgbouncer by_node postgresjs_loop.js
		knex				as_loop by_node knex_loop.js
		typeorm				as_loop by_node typeorm_loop.js
		sequelize			as_loop by_node sequelize_loop.js
		graphile_worker		as_loop by_node graphile_worker_loop.js
		postgraphile		as_loop by_node postgraphile_loop.js
		postgraphile_schema	by_node postgraphile_schema.js
	END
}

cannot()
{
	echo "$*"
	exit 77
}

limited()			# limited COMMAND...: no tool holds up the others
{
	timeout -k 5 "${TOOL_LIMIT:-480}" "$@"
}

by_ruby()			# by_ruby FILE LIBRARY...
{
	file=$1
	shift
	ruby=$(ruby_with "$@") || cannot "needs Debian's packages$(printf ' ruby-%s' "$@" | tr -d _)"
	limited "$ruby" "$here/$file"
}

by_python()			# by_python FILE MODULE...
{
	file=$1
	shift
	python=$(python_with "$@") || cannot "needs Debian's packages$(printf ' python3-%s' "$@")"
	limited "$python" "$here/$file"
}

by_node()			# by_node FILE
{
	npm_packages
	limited node "$1"
}

by_java()			# by_java FILE CLASS
{
	jar=/usr/share/java/postgresql.jar
	{ [ -e "$jar" ] && command -v javac >/dev/null; } ||
		cannot "needs Debian's packages default-jdk-headless and libpostgresql-jdbc-java"
	case $PGHOST in
		/*) socket="&socketFactory=UnixSocketFactory&socketFactoryArg=$PGHOST/.s.PGSQL.$PGPORT" server=localhost ;;
		*) socket='' server=$PGHOST:$PGPORT ;;
	esac
	limited javac -d . -cp "$jar" "$here/$1" "$here/UnixSocketFactory.java"
	limited java -XX:TieredStopAtLevel=1 -cp ".:$jar" "$2" "jdbc:postgresql://$server/$PGDATABASE?user=$PGUSER$socket"
}

by_go()				# by_go FILE PACKAGE
{
	export GO111MODULE=off GOPATH=/usr/share/gocode GOCACHE="$work/go-cache" GOTOOLCHAIN=local
	{ command -v go >/dev/null && [ -d "$GOPATH/src/$2" ]; } ||
		cannot "needs Debian's packages golang-go and golang-$(echo "$2" | tr ./ - | sed 's/-com-/-/')-dev"
	limited go build -o program "$here/$1"
	limited ./program
}

# through_pgbouncer COMMAND...: in transaction mode, where each transaction gets the
# other one of two server connections. POOLED tells the file, for most clients have
# to leave prepared statements alone then.
through_pgbouncer()
{
	pgbouncer=$(command -v pgbouncer || command -v /usr/sbin/pgbouncer) || cannot "needs Debian's package pgbouncer"
	[ "$(id -u)" != 0 ] || cannot "runs PgBouncer, which does not run as root"
	mkdir pooler
	echo "\"$PGUSER\" \"\"" >pooler/users
	cat >pooler/pgbouncer.ini <<-END
		[databases]
		$PGDATABASE = host=$PGHOST port=$PGPORT
		[pgbouncer]
		pool_mode = transaction
		default_pool_size = 2
		server_round_robin = 1
		unix_socket_dir = $PWD/pooler
		listen_port = 6432
		auth_type = trust
		auth_file = $PWD/pooler/users
		logfile = $PWD/pooler/log
		ignore_startup_parameters = extra_float_digits
	END
	# Not by limited, which would be a process of its own between.
	timeout "${TOOL_LIMIT:-480}" "$pgbouncer" -q pooler/pgbouncer.ini &
	# shellcheck disable=SC2064
	trap "kill $!" EXIT
	trap 'exit 143' TERM
	export PGHOST="$PWD/pooler" PGPORT=6432 POOLED=yes
	tries=300
	until psql -Xq -c "SELECT 1" >/dev/null 2>&1; do
		tries=$((tries - 1))
		[ "$tries" -gt 0 ] || { cat pooler/log; exit 1; }
		sleep 0.1
	done
	psql -Xq -c "SELECT pg_sleep(0.5)" >/dev/null &
	psql -Xq -c "SELECT pg_sleep(0.5)" >/dev/null
	wait $!
	"$pgbouncer" --version | head -n 1
	"$@"
}

# as_loop COMMAND...: one that does the loop of every client, as loop.sql has it,
# and whose rows are looked at afterwards.
as_loop()
{
	"$@"
	psql -Xq -v ON_ERROR_STOP=1 -f "$here/loop.sql"
}

# check WHAT-IS-SO COMMAND...: whether that succeeds; its output else.
check()
{
	so=$1
	shift
	if "$@" >told 2>&1; then
		echo "ok - $so"
	else
		echo "not ok - $so"
		head -n 100 told
		return 1
	fi
}

compile()			# compile FILE...: by TypeScript, as strictly as it can
{
	limited tsc --strict --skipLibCheck --target es2022 --module node16 --types node --outDir . "$@"
}

kysely()
{
	npm_packages
	check "kysely-codegen reads the catalogue" \
		limited kysely-codegen --url "postgres://$PGUSER@localhost:$PGPORT/$PGDATABASE?host=$PGHOST" \
		--dialect postgres --schema trees --out-file db.d.ts
	check "a typed insert compiles with the required fields and with no fewer or others" \
		compile kysely_types.ts kysely_loop.ts
	as_loop limited node kysely_loop.js
	limited node kysely_types.js
}

drizzle_pull()		# drizzle_pull FOLDER FILTERS: what drizzle-kit writes there
{
	cat >"$1.json" <<-END
		{ "dialect": "postgresql", "schemaFilter": ["trees"], "tablesFilter": [$2], "out": "$1",
		  "dbCredentials": { "host": "$PGHOST", "port": $PGPORT, "user": "$PGUSER", "database": "$PGDATABASE", "ssl": false } }
	END
	limited drizzle-kit pull --config "$1.json" && [ -s "$1/schema.ts" ]
}

drizzle()
{
	npm_packages
	check "drizzle-kit pull reads all tables but gig_filter and gig_key" drizzle_pull drizzle '"!gig_filter", "!gig_key"'
	check "what it writes compiles, and a typed insert with the required fields and with no fewer or others" \
		compile drizzle_types.ts drizzle_loop.ts drizzle/relations.ts
	for table in attempt consumer event gig gig_state invitation look notification setting wave worker; do
		check "$table is among them" grep -q "trees.table(\"$table\"" drizzle/schema.ts
	done
	check "no default, check or type was beyond it" sh -c '! grep -n "TODO\|unknown\|CHECK (" drizzle/schema.ts'
	check "drizzle-kit pull reads all tables" drizzle_pull all '"*"'
	compile all/schema.ts >told 2>&1 || :
	check "and of these nothing but two columns each of gig_filter and gig_key does not compile" \
		[ "$(sed -n 's/^all.schema.ts(\([0-9]*\),.*/\1/p' told | while read -r line; do
			sed -n "${line}s/^[[:space:]]*\([a-z]*\): unknown(.*/\1/p" all/schema.ts
		done | xargs) of $(grep -c 'error TS' told)" = "filter sort key filter of 4" ]
	as_loop limited node drizzle_loop.js
	limited node drizzle_types.js
}

# The pages of cirro.report(), by a browser.
report()
{
	npm_packages
	CHROMIUM=$(command -v chromium) || cannot "needs Debian's package chromium"
	TOP=$top CHROMIUM=$CHROMIUM limited node report.js
}

# The example site, in a browser. Its role is made by its own site.sql, twice, for
# that must be no harm, in a Space of each type of ref.
site()
{
	npm_packages
	CHROMIUM=$(command -v chromium) || cannot "needs Debian's package chromium"
	cp -R "$top/examples/site" site
	for space in trees ponds houses trees; do
		as_superuser -d "$PGDATABASE" -v space=$space -v role="${db}_site" -f site/site.sql >told 2>&1 || { cat told; return 1; }
	done
	SUPERUSER=$superuser SITE_ROLE=${db}_site CHROMIUM=$CHROMIUM limited node site.js
}

# examples/, which make roles of their own: prepared by a superuser.
delivery()
{
	python=$(python_with psycopg) || cannot "needs Debian's package python3-psycopg"
	npm_packages
	cp -R "$top/examples/mailer" "$top/examples/webhook" .
	if [ -n "$superuser" ]; then PGUSER=$superuser; else unset PGUSER; fi
	limited "$python" "$here/delivery.py" "$PWD"
}

# -------------------------------------------------------------- their set-up --

db=cirro_clients
start=${PGDATABASE:-postgres}
superuser=${PGUSER:-}
work=$(mktemp -d)
workers=

as_superuser()		# as_superuser PSQL-ARGUMENT...
{
	PGUSER=$superuser PGDATABASE=$start psql -Xq -v ON_ERROR_STOP=1 -c "SET client_min_messages = warning" "$@"
}

drop_databases()
{
	for name in $(as_superuser -At -c "SELECT d.datname FROM pg_database d WHERE d.datname ~ '^${db}(_|\$)'"); do
		as_superuser -c "DROP DATABASE IF EXISTS $name WITH (FORCE)"
	done
	as_superuser -c "DROP ROLE IF EXISTS $db" -c "DROP ROLE IF EXISTS ${db}_site"
}

cleanup()
{
	trap '' INT TERM HUP
	# shellcheck disable=SC2086
	[ -z "$workers" ] || kill $workers 2>/dev/null || :
	drop_databases
	rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 130' INT TERM HUP

# Of the caller's environment nothing leads these tools elsewhere.
unset DATABASE_URL PGOPTIONS PGSERVICE NODE_OPTIONS NODE_ENV NODE_PATH PYTHONPATH PYTHONHOME PYTHONWARNINGS \
	RUBYOPT RUBYLIB BUNDLE_GEMFILE DJANGO_SETTINGS_MODULE JAVA_TOOL_OPTIONS CLASSPATH GOFLAGS || :
export HOME="$work" LC_ALL=C.UTF-8 PYTHONDONTWRITEBYTECODE=1 NO_COLOR=1
# Node.js brings certificates of its own; those of this computer may be more.
if [ -e /etc/ssl/certs/ca-certificates.crt ]; then
	export NODE_EXTRA_CA_CERTS="${NODE_EXTRA_CA_CERTS:-/etc/ssl/certs/ca-certificates.crt}"
fi

# npm's packages as package-lock.json has them, or in npm.missing why there are
# none. A registry that answers while the packages cannot be installed is a
# failure, told by npm.failed.
npm_install()
{
	mkdir "$work/npm"
	if [ -n "${NODE_MODULES:-}" ]; then
		ln -s "$NODE_MODULES" "$work/npm/node_modules"
		return
	fi
	if ! node=$(node -p 'process.versions.node' 2>/dev/null) || ! command -v npm >/dev/null; then
		echo "needs Node.js and npm (Debian's package npm)" >"$work/npm.missing"
		return
	elif [ "${node%%.*}" -lt 18 ]; then
		echo "needs Node.js 18 or later, this is $node" >"$work/npm.missing"
		return
	fi
	export npm_config_cache="$work/npm-cache" npm_config_update_notifier=false npm_config_audit=false \
		npm_config_fund=false npm_config_ignore_scripts=true npm_config_fetch_retries=1 \
		npm_config_fetch_retry_mintimeout=1000
	cp "$here/package.json" "$here/package-lock.json" "$work/npm/"
	if (cd "$work/npm" && timeout -k 5 480 npm ci) >"$work/npm.log" 2>&1; then
		echo "# Node.js $node, npm $(npm --version)"
	elif timeout -k 5 30 npm view typescript version >/dev/null 2>&1; then
		tail -n 40 "$work/npm.log" >"$work/npm.failed"
	else
		echo "needs npm's registry, which does not answer" >"$work/npm.missing"
	fi
}

# npm_packages: waits for them, and links them and the files of this folder into
# the tool's own, for TypeScript and Node.js look for packages beside a file.
npm_packages()
{
	while [ ! -e "$work/npm.done" ]; do sleep 0.2; done
	[ ! -e "$work/npm.missing" ] || cannot "$(cat "$work/npm.missing")"
	[ ! -e "$work/npm.failed" ] || { echo "npm ci failed:"; cat "$work/npm.failed"; exit 1; }
	cp "$here"/*.js "$here"/*.ts .
	ln -s "$work/npm/node_modules" node_modules
	PATH=$PWD/node_modules/.bin:$PATH
}

run()				# run TOOL COMMAND...: output, exit status and seconds into files
{
	tool=$1
	shift
	began=$(date +%s)
	mkdir "$work/$tool"
	# Not "|| code=$?", beside which set -e is no more.
	set +e
	(
		set -e
		as_superuser -c "CREATE DATABASE ${db}_$tool OWNER $db TEMPLATE $db"
		export PGDATABASE="${db}_$tool"
		cd "$work/$tool"
		"$@"
	) >"$work/$tool.log" 2>&1 </dev/null
	echo $? >"$work/$tool.code"
	set -e
	echo "$(($(date +%s) - began))" >"$work/$tool.took"
}

# Takes tools from the list until none is left that nobody has taken.
worker()
{
	while read -r tool command <&3; do
		mkdir "$work/$tool.taken" 2>/dev/null || continue
		# The command is words on purpose.
		# shellcheck disable=SC2086
		run "$tool" $command 3<&-
	done 3<"$work/list"
}

all_tools | while read -r tool command; do
	case " ${TOOLS:-$tool} " in *" $tool "*) echo "$tool $command" ;; esac
done >"$work/list"
drop_databases
as_superuser -c "CREATE ROLE $db LOGIN" -c "CREATE DATABASE $db"
PGUSER=$superuser psql -Xq -d "$db" -v ON_ERROR_STOP=1 -v owner="$db" -f "$here/setup.sql" >"$work/setup.log" 2>&1 ||
	{ cat "$work/setup.log"; exit 1; }
export PGUSER=$db PGPORT="${PGPORT:-5432}"

# At once, beside the tools that do without.
if grep -qv " by_\(ruby\|python\|java\|go\) " "$work/list"; then
	{ npm_install; : >"$work/npm.done"; } &
	workers=$!
fi
jobs=${CLIENT_JOBS:-$(nproc 2>/dev/null || echo 2)}
if [ "$jobs" -gt 4 ]; then jobs=4; fi
while [ "$jobs" -gt 0 ]; do
	worker &
	workers="$workers $!"
	jobs=$((jobs - 1))
done
wait
workers=

failed=
while read -r tool command; do
	took=$(cat "$work/$tool.took" 2>/dev/null || echo "?")
	case $(cat "$work/$tool.code" 2>/dev/null || echo "none") in
		0) cat "$work/$tool.log"; echo "ok: $tool ($took s)" ;;
		77) echo "skipped: $tool $(tail -n 1 "$work/$tool.log")" ;;
		*) cat "$work/$tool.log"; failed="$failed $tool" ;;
	esac
done <"$work/list"
# What failed comes last, where it is seen.
for tool in $failed; do
	echo "failed: $tool (exit status $(cat "$work/$tool.code" 2>/dev/null || echo "none")), which ended with"
	tail -n 30 "$work/$tool.log" | sed 's/^/  /'
done
[ -z "$failed" ]
