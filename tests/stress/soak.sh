#!/bin/sh
# usage: soak.sh STRESS OPERATIONS ROUNDS
#
# The stress for long: a quarter of the operations by 1, 2, 4 and 16 threads a
# core each, which are made and joined in each round.
stress=$1 operations=$2 rounds=$3
cores=$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2)
began=$(date +%s)
growth=

for n in 1 2 4 16; do
    said=$(MALLOC_ARENA_MAX=1 "$stress" $((operations / 4)) $n \
        $((n * cores)) $((rounds / 4))) || {
        echo "$said"
        echo "soak: FAILED with $((n * cores)) threads"
        exit 1
    }
    echo "$said"
    # shellcheck disable=SC2046 # two numbers
    set -- $(echo "$said" |
        sed -n 's/.*: \([0-9]*\) pages when warm, \([0-9]*\) .*/\1 \2/p')
    # no pages: they were not looked at, as under a sanitizer
    if [ $# -eq 2 ] && [ "$1" -gt 0 ] && [ $(($2 - $1)) -ge ${growth:-0} ]; then
        growth=$(($2 - $1))
    fi
done
echo "soak: $operations operations in $(($(date +%s) - began)) s${growth:+, at \
most $growth pages more than when it was warm}"
