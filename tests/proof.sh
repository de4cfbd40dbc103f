#!/bin/sh
# usage: proof.sh BUILD [short]
#
# Runs all that speaks for the library, at the size of a release (a day; short:
# minutes, to see that it works), and prints one table.  What was said is kept
# in BUILD/proof.  Fails when something does not hold.
build=$1 short=${2-}
out=$build/proof
table=$out/table
failed=0
rm -rf "$out"
mkdir -p "$out"

# size LONG SHORT
size() { [ "$short" ] && echo "$2" || echo "$1"; }

# measure NAME BOUND FIGURE COMMAND...; FIGURE is a sed expression that makes
# the figure of a line that the command says
measure() {
    name=$1 bound=$2 figure=$3 holds=yes
    shift 3
    echo "proof: $name" >&2
    "$@" > "$out/$name" 2>&1 || holds=NO failed=1
    printf '| %s | %s | %s | %s |\n' "$name" "$bound" \
        "$(sed -n "$figure" "$out/$name" | tail -n 1)" $holds >> "$table"
}

target() { ${MAKE:-make} B="$build" "$@"; }

# The share of conditions, from the report of llvm-cov.
conditions() {
    target mcdc && awk '
        /^(policy|engine)\// { all += $(NF - 2); not += $(NF - 1) }
        END { share = 100 * (all - not) / all
              printf "conditions: %.1f %% (%d of %d)\n", share, all - not, all
              exit share < 98 }' "$out/conditions"
}

echo '| measure | bound | figure | holds |' > "$table"
echo '|---|---|---|---|' >> "$table"
measure check 'all pass' 's/^sim: \(.*\), trace.*/\1/p' \
    target SEEDS="$(size 1000000 1000)" check
measure freeze 'no operation waits for a stopped thread' \
    's/^freeze: \(.*\)/\1/p' target freeze
measure relacy 'all clean, all bugs found' 's/^relacy: \([0-9].*\)/\1/p' \
    env ITERATIONS="$(size 10000000 2000)" ${MAKE:-make} B="$build" relacy
measure models 'all bugs found' 's/^models: \(.*\)/\1/p' target models
measure catalogue 'each bug is found' 's/^mutate: \([0-9].*\)/\1/p' \
    target mutate-catalogue
measure mutants '95 %, those of concurrency all' 's/^mutate: \([0-9].*\)/\1/p' \
    target MUTATE_SECONDS="$(size 0 30)" mutate
measure coverage '99.8 % of lines' 's/^lines: \(.*\)/\1/p' target coverage
measure conditions '98 % of policy and engine' 's/^conditions: \(.*\)/\1/p' \
    conditions
measure fuzz 'nothing found' 's/^fuzz: \(.*\)/\1/p' \
    target FUZZ_SECONDS="$(size 3600 5)" fuzz
measure lint 'nothing found' 's/^lint: \(.*\)/\1/p' target lint
if [ ! "$short" ]; then
    measure targets 'all pass' '$p' target targets
    measure soak 'nothing grows or is lost' '$p' target soak
    measure soak-tsan 'no race' '$p' target soak-tsan
fi
cat "$table"
exit $failed
