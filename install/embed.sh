#!/bin/sh
# install/embed.sh: writes the install script to standard output.
#
# install/space.sql, the DDL of a Space, has two parts, divided by a line that
# begins with "-- code:". They become the texts of cirro.space_tables() and
# cirro.space_code(), which create_space and upgrade_spaces run.
set -eu
cd "$(dirname "$0")"

embed()
{
	printf '\nCREATE FUNCTION cirro.%s() RETURNS text\n' "$1"
	printf 'LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $space_ddl$SELECT $space_text$\n'
	cat
	printf '$space_text$::pg_catalog.text$space_ddl$;\n'
	printf "COMMENT ON FUNCTION cirro.%s() IS '%s';\n" "$1" "$2"
}

cat head.sql filter.sql index.sql explain.sql engine.sql waves.sql report.sql
sed '/^-- code:/,$d' space.sql |
	embed space_tables 'the DDL of a Space, part one: tables and triggers, run by create_space'
sed -n '/^-- code:/,$p' space.sql |
	embed space_code 'the DDL of a Space, part two: functions and views, run again by upgrade_spaces'
