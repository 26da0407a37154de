#!/bin/sh
# test/clients/run.sh: can the tools that applications are written with read and
# write a Space's tables?
#
# Each tool reads the catalogue in its own way, side by side, in a database of
# this suite's own on the server that psql reaches, as an owner who is no
# superuser. Decides which tools there are and which of them can run here: the
# packages of Debian and npm's registry may be out of reach, which is told by
# name and no failure. Installs nothing outside its temporary folder
# (test/setup.sh clients installs Debian's packages) and lets no package of npm
# run a script when it is installed. Exit status 0 only if no tool fails.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../lib.sh"

db=cirro_clients
start=${PGDATABASE:-postgres}
superuser=${PGUSER:-}
work=$(mktemp -d)
pids=
cleanup()
{
	trap '' INT TERM HUP
	# shellcheck disable=SC2086
	[ -z "$pids" ] || kill $pids 2>/dev/null || :
	PGUSER=$superuser psql -Xq -d "$start" -c "SET client_min_messages = warning" \
		-c "DROP DATABASE IF EXISTS $db WITH (FORCE)" -c "DROP ROLE IF EXISTS $db"
	rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 130' INT TERM HUP

# Of the caller's environment nothing leads these tools elsewhere.
unset DATABASE_URL PGOPTIONS PGSERVICE NODE_OPTIONS NODE_ENV NODE_PATH PYTHONPATH PYTHONHOME PYTHONWARNINGS \
	RUBYOPT RUBYLIB BUNDLE_GEMFILE DJANGO_SETTINGS_MODULE || :
export HOME="$work" LC_ALL=C.UTF-8 PYTHONDONTWRITEBYTECODE=1 NO_COLOR=1
# Node.js brings certificates of its own; those of this computer may be more.
if [ -e /etc/ssl/certs/ca-certificates.crt ]; then
	export NODE_EXTRA_CA_CERTS="${NODE_EXTRA_CA_CERTS:-/etc/ssl/certs/ca-certificates.crt}"
fi

# ---------------------------------------------------------------- the tools --

# Each prints its checks, and is failed by its exit status; 77: it cannot run
# here, for the reason in its last line.

cannot()
{
	echo "$*"
	exit 77
}

activerecord()
{
	ruby=$(ruby_with active_record pg) || cannot "needs Debian's packages ruby-activerecord and ruby-pg"
	"$ruby" "$here/activerecord.rb"
}

sqlalchemy()
{
	python=$(python_with sqlalchemy psycopg2) || cannot "needs Debian's packages python3-sqlalchemy and python3-psycopg2"
	"$python" "$here/sqlalchemy_reflect.py"
}

django()
{
	python=$(python_with django psycopg2) || cannot "needs Debian's packages python3-django and python3-psycopg2"
	mkdir "$work/django"
	"$python" "$here/django_inspect.py" "$work/django"
}

# check WHAT-IS-SO COMMAND...: whether that succeeds; its output else.
check()
{
	so=$1
	shift
	if "$@" >"$told" 2>&1; then
		echo "ok - $so"
	else
		echo "not ok - $so"
		head -n 100 "$told"
		bad=1
	fi
}

# npm's packages as package-lock.json has them, in a folder of the tool's own.
npm_tool()			# npm_tool NAME
{
	[ -d "$work/npm/node_modules" ] || cannot "$(cat "$work/npm.missing")"
	mkdir "$work/$1"
	cp "$here"/*.js "$here/$1".[tj]s "$work/$1/" 2>/dev/null || :
	ln -s ../npm/node_modules "$work/$1/node_modules"
	cd "$work/$1"
	PATH=$work/npm/node_modules/.bin:$PATH
	told=$work/$1/told
	bad=0
}

compiled()			# compiled FILE...: by TypeScript, as strictly as it can
{
	tsc --strict --skipLibCheck --target es2022 --module node16 --types node --outDir . "$@"
}

kysely()
{
	npm_tool kysely
	check "kysely-codegen reads the catalogue" \
		kysely-codegen --url "postgres://$db@localhost:$PGPORT/$db?host=$PGHOST" \
		--dialect postgres --schema trees --out-file db.d.ts
	check "a typed insert compiles with the required fields and with no fewer or others" compiled kysely.ts
	[ "$bad" = 1 ] || node kysely.js || bad=1
	return "$bad"
}

drizzle_pull()		# drizzle_pull FOLDER FILTER: what drizzle-kit writes there
{
	cat >"$1.json" <<-END
		{ "dialect": "postgresql", "schemaFilter": ["trees"], "tablesFilter": ["$2"], "out": "$1",
		  "dbCredentials": { "host": "$PGHOST", "port": $PGPORT, "user": "$db", "database": "$db", "ssl": false } }
	END
	drizzle-kit pull --config "$1.json" </dev/null && [ -s "$1/schema.ts" ]
}

drizzle()
{
	npm_tool drizzle
	check "drizzle-kit pull reads all tables but gig_filter" drizzle_pull drizzle '!gig_filter'
	check "what it writes compiles, and a typed insert with the required fields and with no fewer or others" \
		compiled drizzle.ts drizzle/relations.ts
	for table in $tables; do
		check "$table is among them" grep -q "trees.table(\"$table\"" drizzle/schema.ts
	done
	check "no default, check or type was beyond it" sh -c '! grep -n "TODO\|unknown\|CHECK (" drizzle/schema.ts'
	check "drizzle-kit pull reads all tables" drizzle_pull all '*'
	compiled all/schema.ts >"$told" 2>&1 || :
	check "and of these nothing but gig_filter's two columns does not compile" \
		[ "$(sed -n 's/^all.schema.ts(\([0-9]*\),.*/\1/p' "$told" | while read -r line; do
			sed -n "${line}s/^[[:space:]]*\([a-z]*\): unknown(.*/\1/p" all/schema.ts
		done | xargs) of $(grep -c 'error TS' "$told")" = "filter sort of 2" ]
	[ "$bad" = 1 ] || node drizzle.js || bad=1
	return "$bad"
}

postgraphile()
{
	npm_tool postgraphile
	node postgraphile.js
}

# The example site: by a browser, in a database and as a role of its own, which
# its site.sql makes.
site()
{
	npm_tool site
	CHROMIUM=$(command -v chromium) || cannot "needs Debian's package chromium"
	export CHROMIUM SITE_ROLE="${db}_site" SITE_DATABASE="${db}_site" SUPERUSER="$superuser"
	cp -R "$top/examples/site" site
	trap 'site_db DROP' EXIT
	site_db CREATE
	node site.js
}

site_db()			# site_db CREATE|DROP
{
	PGUSER=$superuser psql -Xq -d "$start" -c "SET client_min_messages = warning" \
		-c "DROP DATABASE IF EXISTS $SITE_DATABASE WITH (FORCE)" -c "DROP ROLE IF EXISTS $SITE_ROLE"
	[ "$1" = CREATE ] || return 0
	PGUSER=$superuser psql -Xq -d "$start" -c "CREATE DATABASE $SITE_DATABASE"
	PGUSER=$superuser PGOPTIONS="-c client_min_messages=warning" psql -Xq -d "$SITE_DATABASE" -v ON_ERROR_STOP=1 \
		-c "CREATE EXTENSION cirro" -c "SELECT cirro.create_space('trees')" \
		-v role="$SITE_ROLE" -f site/site.sql -f site/site.sql >"$told" 2>&1 || { cat "$told"; return 1; }
}

# -------------------------------------------------------------- their set-up --

# The packages of npm, or why there are none in $work/npm.missing. A registry
# that answers while the packages cannot be installed is a failure.
npm_packages()
{
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
	mkdir "$work/npm"
	cp "$here/package.json" "$here/package-lock.json" "$work/npm/"
	if (cd "$work/npm" && npm ci) >"$work/npm.log" 2>&1; then
		echo "# Node.js $node, npm $(npm --version)"
	elif npm view typescript version >/dev/null 2>&1; then
		tail -n 40 "$work/npm.log"
		return 1
	else
		rm -rf "$work/npm/node_modules"
		echo "needs npm's registry, which does not answer" >"$work/npm.missing"
	fi
}

tables="attempt consumer event gig gig_state invitation notification setting wave worker"

psql -Xq -d "$start" -c "SET client_min_messages = warning" -c "DROP DATABASE IF EXISTS $db WITH (FORCE)" \
	-c "DROP ROLE IF EXISTS $db" -c "CREATE ROLE $db LOGIN" -c "CREATE DATABASE $db"
psql -Xq -d "$db" -v ON_ERROR_STOP=1 -v owner="$db" -f "$here/setup.sql" >"$work/setup.log" 2>&1 ||
	{ cat "$work/setup.log"; exit 1; }
export PGDATABASE=$db PGUSER=$db PGPORT="${PGPORT:-5432}"

run()				# run TOOL: its output and exit status into files
{
	code=0
	(set -e; "$1") >"$work/$1.log" 2>&1 || code=$?
	echo "$code" >"$work/$1.code"
}

for tool in activerecord sqlalchemy django; do
	run $tool &
	pids="$pids $!"
done
npm_packages || { echo "failed: npm ci"; exit 1; }
for tool in kysely drizzle postgraphile; do
	run $tool &
	pids="$pids $!"
done
wait
pids=

failures=0
for tool in activerecord sqlalchemy django kysely drizzle postgraphile; do
	case $(cat "$work/$tool.code") in
		0) cat "$work/$tool.log"; echo "ok: $tool" ;;
		77) echo "skipped: $tool $(tail -n 1 "$work/$tool.log")" ;;
		*) cat "$work/$tool.log"; echo "failed: $tool"; failures=1 ;;
	esac
done
exit "$failures"
