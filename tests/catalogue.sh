#!/bin/sh
# usage: catalogue.sh
#
# Every test that tests/catalogue.txt names exists and runs, and every test of
# the test_catalogue_*.c files is in the table.

here=$(dirname "$0")
table=$here/catalogue.txt
failed=0

fail() {
    echo "catalogue: $*" >&2
    failed=1
}

# exists <entry> <test>
exists() {
    case $2 in
    *:*)
        file=$here/unit/${2%%:*}.c name=${2#*:}
        if ! grep -q "^static void $name(" "$file" 2> /dev/null; then
            fail "$1: no test $name in $file"
        elif [ "$(grep -cw "$name" "$file")" -lt 2 ]; then
            fail "$1: $name is written, but not listed in main"
        fi
        ;;
    *)
        [ -f "$here/$2" ] || fail "$1: no file $2"
        ;;
    esac
}

rows=$(grep -v '^#' "$table" | grep -v '^$')
bad=$(echo "$rows" | grep -v '^[^|]*|[^|]*|[^|]*|[^|]*$')
[ "$bad" ] && fail "not four columns: $bad"

for row in $(echo "$rows" | awk -F'|' '{
    gsub(/ /, "", $1); n = split($3, tests, " ")
    if (n == 0) print $1 "=?"
    for (i = 1; i <= n; i++) if (tests[i] != "none") print $1 "=" tests[i]
}'); do
    exists "${row%%=*}" "${row#*=}"
done

for file in "$here"/unit/test_catalogue_*.c; do
    base=$(basename "$file" .c)
    for name in $(sed -n 's/^static void \([a-z_0-9]*\)($/\1/p
        s/^static void \([a-z_0-9]*\)(void \*\*state).*/\1/p' "$file"); do
        grep -q "$base:$name\( \|$\)" "$table" || fail "$base:$name has no row"
    done
done

entries=$(echo "$rows" | wc -l)
none=$(echo "$rows" | awk -F'|' '$3 ~ /^ *none *$/' | wc -l)
[ $failed -eq 0 ] &&
    echo "catalogue: $entries entries, $((entries - none)) with tests"
exit $failed
