#!/bin/sh
# test/exports.sh LIBRARY SQL: what the library shows to the server.
#
# Decides that these are the functions which the install script names as
# MODULE_PATHNAME's, with the descriptions that belong to them, and the two by
# which PostgreSQL loads a library; nothing else, and each of them. Other names
# could meet those of another extension in the same process.
set -eu
library=$1 sql=$2
command -v nm >/dev/null || { echo "no nm"; exit 77; }
wanted=$(mktemp) shown=$(mktemp)
trap 'rm -f "$wanted" "$shown"' EXIT

# The name stands behind MODULE_PATHNAME, or is that of the SQL function.
perl -0777 -ne '
	while (/CREATE (?:FUNCTION|PROCEDURE) cirro\.(\w+)[^;]*?\x27MODULE_PATHNAME\x27(?:,\s*\x27(\w+)\x27)?/g)
	{
		my $name = $2 // $1;
		print "$name\npg_finfo_$name\n";
	}' "$sql" >"$wanted"
[ -s "$wanted" ] || { echo "$sql has no functions in C"; exit 1; }
printf '%s\n' Pg_magic_func _PG_init >>"$wanted"
sort -u -o "$wanted" "$wanted"

# Linkers and sanitizers add names of their own, which begin like this.
nm -D --defined-only "$library" | awk '{ print $NF }' | grep -v '^_\(_\|init$\|fini$\|edata$\|end$\)' | sort >"$shown"

bad=0
for name in $(comm -13 "$wanted" "$shown"); do echo "$library shows $name"; bad=1; done
for name in $(comm -23 "$wanted" "$shown"); do echo "$library does not show $name"; bad=1; done
exit $bad
