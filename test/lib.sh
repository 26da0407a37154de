# test/lib.sh: what the scripts in this folder share; sourced, never run.
#
# Decides which PostgreSQL is used, as which user its servers run, and how a
# private copy of it is made. Must not install, start or remove anything by
# itself, and must not write outside the folders that it is given.
#
# The private copy is why neither the tests nor the demo touch a PostgreSQL
# that may be in use on this computer: PostgreSQL finds its files relative to
# its own binary, so a copy of its tree (50 MB) is a server of its own, and
# installing the extension into that copy asks for no rights.

top=$(cd "$(dirname "$0")/.." && pwd)
while [ ! -e "$top/cirro.control" ] && [ "$top" != / ]; do top=$(dirname "$top"); done

# Not everybody has the folder of runuser in the path.
PATH=$PATH:/usr/sbin:/sbin

# A make that started this script must not pass its flags to the makes below.
unset MAKEFLAGS MFLAGS MAKELEVEL MAKEOVERRIDES

die()
{
	printf 'cirro: %s\n' "$*" >&2
	exit 1
}

# as_server COMMAND...: as the user that runs servers, for PostgreSQL refuses
# to run as root: postgres in place of root, else whoever calls.
as_server()
{
	if [ "$(id -u)" = 0 ]; then runuser -u postgres -- "$@"; else "$@"; fi
}

server_user()
{
	if [ "$(id -u)" = 0 ]; then echo postgres; else id -un; fi
}

# The newest PostgreSQL that Debian's packages have put on this computer.
debian_major()
{
	ls /usr/lib/postgresql/*/bin/postgres 2>/dev/null |
		sed 's,^/usr/lib/postgresql/\([0-9]*\)/.*,\1,' | sort -n | tail -n 1
}

# Prints the path of pg_config: $PG_CONFIG, else Debian's newest server, else
# what is in the path.
find_pg_config()
{
	if [ -n "${PG_CONFIG:-}" ]; then
		command -v "$PG_CONFIG" || die "PG_CONFIG=$PG_CONFIG is no program"
	elif [ -n "${PG_MAJOR:=$(debian_major)}" ]; then
		echo "/usr/lib/postgresql/$PG_MAJOR/bin/pg_config"
	else
		command -v pg_config || die "no pg_config found: install PostgreSQL 15 or later with its server headers, or say PG_CONFIG=/path/to/pg_config"
	fi
}

# own_tree FOLDER: copies the sources there, uncommitted changes included, and
# hands them to the server's user, who may not be able to read the checkout.
own_tree()
{
	mkdir -p "$1"
	tar -C "$top" --exclude=.git --exclude=./build --exclude='*.o' --exclude='*.bc' --exclude='*.so' \
		--exclude=./results --exclude=./tmp_check --exclude=./output_iso -cf - . |
		tar -C "$1" --no-same-owner -xf -
	chmod -R u+w "$1"
	if [ "$(id -u)" = 0 ]; then chown -R "$(server_user):" "$1"; fi
}

# own_server PG_CONFIG FOLDER: copies that PostgreSQL below FOLDER, every file
# under the absolute path it has now, and sets pg_config and bindir to the
# copy's. The headers are linked.
own_server()
{
	for item in pkglibdir sharedir; do
		path=$("$1" --$item)
		mkdir -p "$2$path"
		cp -R "$path/." "$2$path/"
	done
	for item in includedir libdir; do
		path=$("$1" --$item)
		[ -e "$2$path" ] && continue
		mkdir -p "$2$(dirname "$path")"
		ln -s "$path" "$2$path"
	done
	path=$("$1" --bindir)
	bindir=$2$path
	pg_config=$bindir/pg_config
	mkdir -p "$bindir"
	cp "$path"/pg* "$path"/postgres "$path"/psql "$path"/*db "$path"/*user "$bindir/"
	if [ "$(id -u)" = 0 ]; then chown -R "$(server_user):" "$2"; fi
}

# The interpreter that has these modules: Debian's own, else that in the path.
python_with()		# python_with MODULE...
{
	modules=$(printf 'import %s\n' "$@")
	for python in /usr/bin/python3 python3; do
		if "$python" -c "$modules" 2>/dev/null; then echo "$python"; return 0; fi
	done
	return 1
}

ruby_with()			# ruby_with LIBRARY...
{
	libraries=$(printf -- '-r%s ' "$@")
	for ruby in /usr/bin/ruby ruby; do
		# shellcheck disable=SC2086
		if "$ruby" $libraries -e 1 2>/dev/null; then echo "$ruby"; return 0; fi
	done
	return 1
}

# Where temporary folders are made, and where the demo of this user lives.
scratch=${SCRATCH:-/tmp}
# shellcheck disable=SC2034
demo=$scratch/cirro-demo-$(id -un)
