#!/bin/sh
# test/demo/run.sh: shows cirro at work, in a throwaway cluster that stays up to
# be looked at.
#
# Decides the story: a crowd, gigs of every kind, waves on a simulated clock,
# then one gig with the real clock and pg_cron. What it prints as SQL is what
# it runs. Must not touch the PostgreSQL of this computer (test/lib.sh): the
# server is a private copy, listening on a socket in its own folder.
#
# CROWD=file.jsonl[.gz]   your own people, one JSON object a line
# FILTER='{…}'            whom the gigs look for among them; else something
#                         that many of them have in common
# PG_CONFIG, PG_MAJOR     which PostgreSQL (test/setup.sh)
# SCRATCH=/tmp            where its folder is made
set -eu
. "$(dirname "$0")/../lib.sh"
here=$top/test/demo

if [ -t 1 ]; then bold=$(printf '\033[1m') plain=$(printf '\033[0m'); else bold='' plain=''; fi

title()
{
	printf '\n%s%s%s\n' "$bold" "$*" "$plain"
}

# psql on the demo's database, as its superuser.
db()
{
	as_server env HOME="$demo" PGOPTIONS="-c client_min_messages=warning" PGCLIENTENCODING=UTF8 \
		"$bindir/psql" -X -q -v ON_ERROR_STOP=1 -v SHOW_CONTEXT=never -P pager=off -P linestyle=unicode -P null=- \
		-h "$demo/socket" -U postgres -d demo "$@"
}

value()			# value SQL: one value
{
	db -At -c "$1"
}

# show [SQL to run before, unseen]: prints the SQL of the standard input, runs
# it and prints its result, both indented.
show()
{
	sql=$(cat)
	printf '%s\n' "$sql" | sed 's/ *-- who$//; s/^\(.\)/    \1/'
	result=$(printf '%s\n' "${1:-}" "$sql" | db -P footer=off)
	[ -z "$result" ] || printf '\n%s\n' "$result" | sed 's/^\(.\)/    \1/; s/ *\(↵\)*$//'
}

# filtered FILE: the file, its filters replaced where the crowd is the user's.
filtered()
{
	filter="$(printf '%s' "$filter" | sed "s/'/''/g")" awk '
		ENVIRON["filter"] != "" && / -- who$/ && match($0, /\047{.*}\047/) {
			$0 = substr($0, 1, RSTART) ENVIRON["filter"] substr($0, RSTART + RLENGTH - 1)
		}
		{ print }' "$here/$1"
}

ended()
{
	code=$?
	trap '' INT TERM HUP
	if [ "$code" = 130 ]; then
		"$here/stop.sh" -q
		printf '\ncirro: the demo was interrupted and is removed\n' >&2
	elif [ "$code" != 0 ]; then
		if [ -e "$demo/server.log" ]; then grep -E 'PANIC|terminated by' "$demo/server.log" >&2 || :; fi
		"$here/stop.sh" -q
		echo "cirro: the demo has failed and is removed; why is said above" >&2
	fi
	exit "$code"
}

# ------------------------------------------------------------ a new cluster

if [ -n "${CROWD:-}" ]; then
	case $CROWD in /*) ;; *) CROWD=$top/$CROWD ;; esac
	[ -r "$CROWD" ] || die "cannot read $CROWD"
fi

title "A PostgreSQL of its own"
"$top/test/setup.sh" demo
echo "Building the extension, starting a server ..."
original=$(find_pg_config)
"$here/stop.sh" -q
umask 022
mkdir -m 755 "$demo" || die "$demo is in the way, and it is not of the demo's making"
trap ended EXIT
trap 'exit 130' INT TERM HUP
mkdir "$demo/socket"
: >"$demo/log"
own_tree "$demo/cirro"
own_server "$original" "$demo/server"
echo "$bindir" >"$demo/cirro-demo"
if [ "$(id -u)" = 0 ]; then chown -R "$(server_user):" "$demo"; fi
cd "$demo/cirro"

quietly()
{
	as_server env HOME="$demo" "$@" >"$demo/log" 2>&1 </dev/null || { cat "$demo/log" >&2; return 1; }
}

quietly make -s -j "$(nproc 2>/dev/null || echo 2)" PG_CONFIG="$pg_config" with_llvm=no
quietly make -s install PG_CONFIG="$pg_config" with_llvm=no
quietly "$bindir/initdb" -D "$demo/data" -U postgres -A trust -E UTF8 --no-locale
has_cron=
if [ -e "$demo/server$("$original" --sharedir)/extension/pg_cron.control" ]; then has_cron=yes; fi
{
	echo "listen_addresses = ''"
	echo "unix_socket_directories = '$demo/socket'"
	if [ -n "$has_cron" ]; then
		echo "shared_preload_libraries = 'pg_cron'"
		echo "cron.database_name = 'demo'"
		echo "cron.host = '$demo/socket'"
	fi
} >>"$demo/data/postgresql.conf"
quietly "$bindir/pg_ctl" -D "$demo/data" -l "$demo/server.log" -w start
quietly "$bindir/createdb" -h "$demo/socket" -U postgres demo
cat >"$demo/psql" <<END
#!/bin/sh
exec "$bindir/psql" -h "$demo/socket" -U postgres -d demo "\$@"
END
chmod 755 "$demo/psql"
echo "$("$pg_config" --version), socket in $demo/socket, no network."

show <<'END'
CREATE EXTENSION cirro;
SELECT cirro.create_space('crowd');
END

# ----------------------------------------------------------------- the crowd

title "The crowd"
filter=
data=$top/../shared/data/crowd.jsonl.gz
lines()
{
	case $1 in *.gz) gzip -dc <"$1" ;; *) cat <"$1" ;; esac |
		tr -d '\r' | sed "1s/^$(printf '\357\273\277')//"
}
if [ -n "${CROWD:-}" ]; then
	echo "People from $CROWD:"
	data=$CROWD
elif [ -r "$data" ]; then
	echo "Real people from ../shared/data/crowd.jsonl.gz:"
else
	echo "Invented people, for there is no ../shared/data/crowd.jsonl.gz:"
	data=
fi
if [ -n "$data" ]; then
	lines "$data" | db -At -c "CREATE TEMP TABLE raw (line_no bigint GENERATED ALWAYS AS IDENTITY, line text)" \
		-c "\\copy raw (line) FROM pstdin WITH (FORMAT csv, QUOTE e'\\x01', DELIMITER e'\\x02')" \
		-f test/demo/load.sql
else
	db -At -f test/demo/synthetic.sql -f test/demo/load.sql
fi
if [ -n "${CROWD:-}" ]; then
	filter=${FILTER:-$(db -At -f test/demo/common.sql)}
	printf 'The gigs below look for %s\n' "$filter"
	found=$(db -At -v filter="$filter" <<'END'
SELECT count(*) FROM crowd.worker WHERE cirro.matches(profile, :'filter');
END
	)
	[ "$found" != 0 ] || die "but nobody in $CROWD is like that"
fi
show <<'END'
SELECT id, left(ref, 8) AS ref, left(profile::text, 70) AS profile FROM crowd.worker ORDER BY id LIMIT 3;
END

title "Trying a filter"
filtered filter.sql | show

# ------------------------------------------------------------------ the gigs

date=$(value "SELECT current_date - 1")
clock="SET cirro.clock = '$date 08:00';"
db -f test/demo/workers.sql

title "Gigs"
echo "It is eight o'clock on a simulated clock, so that a morning takes seconds:"
show <<END
$clock
END
filtered gigs.sql | show "$clock"

title "Inviting by hand"
filtered invite.sql | show "$clock"

title "A new worker asks"
if [ -n "$filter" ]; then
	db -v filter="$filter" <<'END'
UPDATE crowd.worker SET ref = 'newcomer' WHERE id = (
	SELECT id FROM crowd.worker WHERE cirro.matches(profile, :'filter') ORDER BY id DESC LIMIT 1);
END
	sed -n '/^SELECT/,$p' test/demo/newcomer.sql | show "$clock"
else
	show "$clock" <test/demo/newcomer.sql
fi

# ----------------------------------------------------- the simulated morning

title "The morning: waves, minute by minute"
cat <<'END'
Each minute runs what pg_cron would run, CALL cirro.run_waves('crowd'), then the
workers answer: one in eight accepts, one in four refuses, the others are
silent, and now and then somebody leaves again. The bar shows the seats taken
when the wave ran.

END
minute=0
while [ "$minute" -le 180 ]; do
	echo "\\set minute '$date $((8 + minute / 60)):$((minute % 60 / 10))$((minute % 10))'"
	echo "\\i test/demo/minute.sql"
	minute=$((minute + 1))
done | db -At

title "Eleven o'clock"
show "SET cirro.clock = '$date 11:00';" <<'END'
TABLE demo.seats;
END

# ------------------------------------------------------------- the real clock

title "Now for real"
if [ -n "$has_cron" ]; then
	echo "Without cirro.clock it is now. pg_cron takes over with the next minute, and looks each second:"
else
	echo "Without cirro.clock it is now. There is no pg_cron here, so the demo makes its call:"
fi
filtered now.sql | show
show <<'END'
INSERT INTO crowd.consumer (name, kinds) VALUES ('chat', '{gig.filled}');
END
if [ -n "$has_cron" ]; then
	show <<'END'
CREATE EXTENSION pg_cron;
SELECT cirro.schedule_waves();
SELECT schedule, command FROM cron.job;
END
fi

gig=$(value "SELECT crowd.gig_id('now')")
echo
second=0
last=
while :; do
	if [ -z "$has_cron" ] && [ $((second % 5)) = 0 ]; then
		db -c "CALL cirro.run_waves()"
	fi
	# One worker a second makes up his mind to accept.
	value "SELECT id FROM crowd.invitation WHERE gig_id = $gig AND status = 'pending'
			AND hashint8extended(worker_id, gig_id) & 3 = 0 ORDER BY id LIMIT 1" |
		while read -r invitation; do value "SELECT crowd.accept($invitation)" >/dev/null; done
	line=$(value "SELECT format('%s   %s invited', demo.bar(accepted, target), accepted + pending + rejected + expired + departed)
		FROM crowd.gig_status WHERE gig_id = $gig")
	if [ -t 1 ]; then
		printf '\r  %3s s   %s ' "$second" "$line"
	elif [ "$line" != "$last" ] || [ $((second % 20)) = 0 ]; then
		printf '  %3s s   %s\n' "$second" "$line"
	fi
	last=$line
	[ "$(value "SELECT accepted >= target FROM crowd.gig_status WHERE gig_id = $gig")" = f ] || break
	[ "$second" -lt 150 ] || break
	sleep 1
	second=$((second + 1))
done
[ ! -t 1 ] || echo

# ------------------------------------------------------------------- the end

title "What the Space's application hears"
show <<'END'
SELECT kind, count(*) FROM crowd.event GROUP BY kind ORDER BY kind;
SELECT claim, jsonb_pretty(payload) AS payload FROM crowd.claim_notifications(max => 1);
SELECT crowd.confirm_notifications(1) AS delivered;
SELECT kind, payload->'gig'->>'title' AS gig, still_valid FROM crowd.claim_notifications(consumer => 'chat');
SELECT count(*) AS disagreements FROM crowd.check_consistency();
END

# Three things to look at, of which the site may not be had here.

# site_modules FOLDER: where Node.js finds pg: Debian's package node-pg, or else
# npm's, installed into that folder. Prints NODE_PATH; on failure why there is no site.
site_modules()
{
	node=$(node -p 'process.versions.node' 2>/dev/null) || { echo "there is no Node.js"; return 1; }
	[ "${node%%.*}" -ge 18 ] || { echo "Node.js is $node, older than 18"; return 1; }
	for modules in "" /usr/share/nodejs; do
		if as_server env NODE_PATH="$modules" node -e 'require("pg")' 2>/dev/null; then echo "$modules"; return; fi
	done
	command -v npm >/dev/null || { echo "there is no node-pg (a package of Debian's)"; return 1; }
	(cd "$1" && quietly env NODE_EXTRA_CA_CERTS="${NODE_EXTRA_CA_CERTS:-/etc/ssl/certs/ca-certificates.crt}" timeout 60 npm install --ignore-scripts --no-audit --no-fund --no-package-lock \
		--no-update-notifier --fetch-retries=0 --cache "$demo/npm") 2>/dev/null ||
		{ echo "npm could not install pg"; return 1; }
}

# start_site FOLDER NODE_PATH: as a process that outlives the demo, on the first
# port that is free. Its key is new: links of another demo are worth nothing here.
start_site()
{
	(umask 077 && od -An -v -N32 -tx1 /dev/urandom | tr -d ' \n' >"$demo/site.key")
	cat >"$demo/site-link" <<-END
		#!/bin/sh
		# site-link REF: prints the link that signs a worker in.
		SITE_KEY=\$(cat "$demo/site.key") exec node "$1/link.js" "\$1" "\$(cat "$demo/site.url")"
	END
	chmod 755 "$demo/site-link"
	if [ "$(id -u)" = 0 ]; then chown "$(server_user):" "$demo/site.key"; fi
	for port in 8080 8081 8082 8083 8084 0; do
		: >"$demo/site.log"
		if [ "$(id -u)" = 0 ]; then chown "$(server_user):" "$demo/site.log"; fi
		# shellcheck disable=SC2016
		as_server env HOME="$demo" NODE_PATH="$2" PGHOST="$demo/socket" PGPORT=5432 PGUSER=site PGDATABASE=demo \
			SITE_KEY="$(cat "$demo/site.key")" SITE_SPACE=crowd SITE_NAME=Crowd PORT=$port \
			sh -c 'setsid node "$1" >"$2" 2>&1 </dev/null & echo $!' - "$1/server.js" "$demo/site.log" >"$demo/site.pid"
		tries=0
		while [ "$tries" -lt 100 ] && [ ! -s "$demo/site.log" ]; do
			sleep 0.2
			tries=$((tries + 1))
		done
		sed -n 's/^listening on //p' "$demo/site.log" >"$demo/site.url"
		[ ! -s "$demo/site.url" ] || return 0
		kill "$(cat "$demo/site.pid")" 2>/dev/null || :
	done
	return 1
}

title "An invitation for you"
show <test/demo/yours.sql

title "Have a look"
cat <<END
  1. The tables, in psql:

     $demo/psql
         TABLE crowd.gig_status;
         TABLE crowd.wave;
         SELECT * FROM crowd.worker_invitation WHERE worker_ref = 'newcomer';
         SELECT * FROM crowd.check_consistency();
         SELECT * FROM cron.job_run_details;

  2. The report, two pages that need nothing but a browser:

     $demo/report.html         SELECT cirro.report('crowd');
     $demo/report-gig.html     SELECT cirro.report('crowd', $gig);

  3. A site on which workers see their invitations, answer them, and find their gigs:

END
value "SELECT cirro.report('crowd')" >"$demo/report.html"
value "SELECT cirro.report('crowd', $gig)" >"$demo/report-gig.html"

site=$demo/cirro/examples/site
why="it does not start: $demo/site.log"
if modules=$(site_modules "$site") && db -o /dev/null -v space=crowd -v role=site -f "$site/site.sql" &&
	start_site "$site" "$modules"; then
	cat <<-END
		     $("$demo/site-link" newcomer)

		     This is the newcomer's link, as the mail of an invitation would carry it;
		     $demo/site-link REF prints that of another worker.
	END
else
	case $modules in
		there*|Node*|npm*) why=$modules ;;
	esac
	cat <<-END
		     left out, for $why.
		     It needs Node.js 18 and its package pg; examples/site/README.md says how to start it.
	END
fi

cat <<END

  The server keeps running, and waves with it. make demo-stop ends it all.
END
trap - EXIT
