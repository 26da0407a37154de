#!/bin/sh
# test/conformance.sh: does jsonb @@ filter_query answer as other
# implementations of the language do?
#
# Runs every case of filter_cases.jsonl, found in $CONFORMANCE_DIR (default: the
# folder shared/conformance beside the project), in a database of its own on the
# server that psql reaches. Checks each filter given as text and as jsonb, and
# that text, binary format and casts give back an equal filter. Prints what
# differs; exit status 0 only if nothing does.
set -eu
cd "$(dirname "$0")/.."
cases=${CONFORMANCE_DIR:-../shared/conformance}/filter_cases.jsonl
if [ ! -f "$cases" ]; then
	echo "skipped: $cases is not there"
	exit 0
fi

db=cirro_conformance
start=${PGDATABASE:-postgres}
copy=$(mktemp)
trap 'rm -f "$copy"; psql -Xq -d "$start" -c "DROP DATABASE IF EXISTS $db"' EXIT
psql -Xq -d "$start" -c "SET client_min_messages = warning" -c "DROP DATABASE IF EXISTS $db" -c "CREATE DATABASE $db"

# Lines are taken as they are: neither quotes nor delimiters occur in them.
export PGDATABASE=$db
psql -Xq -v ON_ERROR_STOP=1 -c "CREATE EXTENSION cirro" -c "CREATE TABLE line (line text)"
psql -Xq -v ON_ERROR_STOP=1 -c "COPY line FROM STDIN (FORMAT csv, QUOTE E'\x01', DELIMITER E'\x02')" <"$cases"
psql -XqAt -v ON_ERROR_STOP=1 <<'EOF'
CREATE TABLE kase AS
SELECT line::json ->> 'id' AS id, (line::json -> 'filter')::text AS filter,
       (line::json -> 'doc')::text AS doc, line::json ->> 'expect' AS expect
FROM line;

CREATE FUNCTION as_text(filter text, doc text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	RETURN doc::jsonb OPERATOR(cirro.@@) filter::cirro.filter_query;
EXCEPTION WHEN invalid_text_representation THEN
	RETURN 'error';
END $$;

CREATE FUNCTION as_jsonb(filter text, doc text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	RETURN cirro.matches(doc::jsonb, filter::jsonb::cirro.filter_query);
EXCEPTION WHEN invalid_text_representation THEN
	RETURN 'error';
END $$;

CREATE TABLE answer AS
SELECT id, filter, doc, expect, as_text(filter, doc), as_jsonb(filter, doc) FROM kase;

SELECT 'MISMATCH ' || id || ': ' || filter || ' on ' || doc || ': expected ' || expect
       || ', as text ' || as_text || ', as jsonb ' || as_jsonb
FROM answer WHERE (as_text, as_jsonb) IS DISTINCT FROM (expect, expect) ORDER BY id;

CREATE TABLE valid AS
SELECT id, filter, filter::cirro.filter_query AS query FROM answer WHERE as_text <> 'error';
CREATE TABLE copied (LIKE valid);
EOF
psql -Xq -v ON_ERROR_STOP=1 -c "\copy valid TO '$copy' (FORMAT binary)"
psql -Xq -v ON_ERROR_STOP=1 -c "\copy copied FROM '$copy' (FORMAT binary)"
result=$(psql -XqAt -v ON_ERROR_STOP=1 <<'EOF'
SELECT 'ROUND TRIP ' || id || ': ' || filter || ' gives ' || query::text
FROM valid
WHERE query::text::cirro.filter_query OPERATOR(cirro.<>) query
   OR query::text::cirro.filter_query::text <> query::text
   OR query::jsonb::cirro.filter_query OPERATOR(cirro.<>) query
   OR query::json::cirro.filter_query OPERATOR(cirro.<>) query
   OR filter::jsonb::cirro.filter_query OPERATOR(cirro.<>) query
   OR cirro.filter_query_hash(filter::jsonb::cirro.filter_query) <> cirro.filter_query_hash(query)
UNION ALL
SELECT 'BINARY ' || v.id || ': ' || v.filter
FROM valid v FULL JOIN copied c USING (id)
WHERE (v.query OPERATOR(cirro.=) c.query) IS NOT TRUE
ORDER BY 1;
SELECT format('%s cases, %s wrong as text, %s wrong as jsonb', count(*),
              count(*) FILTER (WHERE as_text IS DISTINCT FROM expect),
              count(*) FILTER (WHERE as_jsonb IS DISTINCT FROM expect)) FROM answer;
EOF
)
echo "$result"
case $result in
*" cases, 0 wrong as text, 0 wrong as jsonb"*) ;;
*) exit 1 ;;
esac
case $result in
*"ROUND TRIP"* | *BINARY*) exit 1 ;;
esac
