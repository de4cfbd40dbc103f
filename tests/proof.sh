#!/bin/sh
# usage: proof.sh BUILD [short]
#
# Runs all that speaks for the library, at the size of a release (hours; short:
# minutes, to see that it works), and prints one table.  What was said is kept
# in BUILD/proof, or BUILD/proof.short.
#
# Once a measure holds it is not taken again until a file changes, so a run
# that was interrupted goes on where it was.  Fails when something does not
# hold.
build=$1 short=${2-}
out=$build/proof${short:+.short}

# What the figures are about: the files, and the compilers.
tree() {
    find .ci Makefile bench examples include pkgconfig src tests -type f |
        LC_ALL=C sort | xargs cksum
    "${CC:-cc}" --version
    "${CLANG:-clang}" --version
}
mkdir -p "$out"
tree > "$out/tree.now" 2>&1
cmp -s "$out/tree.now" "$out/tree" || rm -f "$out"/*.row
mv "$out/tree.now" "$out/tree"

# size LONG SHORT
size() { [ "$short" ] && echo "$2" || echo "$1"; }

# duration SECONDS
duration() { echo "$(($1 / 60)) min $(($1 % 60)) s"; }

# measure NAME BOUND FIGURE COMMAND...; FIGURE is a sed expression that makes
# the figure of the lines that the command says
measure() {
    name=$1 bound=$2 figure=$3 holds=yes
    shift 3
    if [ -e "$out/$name.row" ] && grep -q '| yes |$' "$out/$name.row"; then
        echo "proof: $name: done" >&2
        return
    fi
    echo "proof: $name" >&2
    rm -f "$out/$name.row"
    began=$(date +%s)
    "$@" > "$out/$name" 2>&1 || holds=NO
    ! grep -q "^$name: skipped" "$out/$name" || holds=NO
    printf '| %s | %s | %s | %s | %s |\n' "$name" "$bound" \
        "$(sed -n "$figure" "$out/$name" | paste -sd '|' - |
            sed 's/|/; /g')" \
        "$(duration $(($(date +%s) - began)))" $holds > "$out/$name.row.now"
    mv "$out/$name.row.now" "$out/$name.row"
    cat "$out/$name.row" >&2
}

# table NAME...
table() {
    echo '| measure | bound | figure | time | holds |'
    echo '|---|---|---|---|---|'
    for name in "$@"; do
        [ ! -e "$out/$name.row" ] || cat "$out/$name.row"
    done
}

target() { ${MAKE:-make} B="$build" "$@"; }

# What the measure before has said of them.
conditions() {
    grep '^conditions: ' "$out/branches" &&
        ! grep 'never decides$' "$out/branches"
}

# simulation SEEDS: a part of them on each core
simulation() {
    sim=$build/tests/sim/sim
    cores=$(getconf _NPROCESSORS_ONLN)
    target "$sim" && seq 0 $((cores - 1)) | xargs -P "$cores" -I '{}' \
        sh -c '"$1" $((1 + $2 * $3)) "$3"' - "$sim" '{}' $(($1 / cores)) &&
        echo "simulation: $1 seeds, nothing found"
}

# sanitized FOLDER CC CXX SANITIZERS TARGET...
sanitized() {
    folder=$1 cc=$2 cxx=$3 sanitizers=$4
    shift 4
    ${MAKE:-make} B="$build/$folder" CC="$cc" CXX="$cxx" \
        SEEDS="$(size 10000 500)" TEST_SECONDS=3600 CFLAGS="-O1 -g \
-fsanitize=$sanitizers -fno-sanitize-recover=all -fno-omit-frame-pointer" "$@"
}

tests="check-unit check-faults check-scenarios check-sim check-stress
    check-between check-fuzz"
simulated='s/^sim: \(.*\), trace.*/\1/p'

measure check 'all pass' "$simulated" target SEEDS="$(size 10000 1000)" check
measure simulation 'nothing found' 's/^simulation: \(.*\)/\1/p' \
    simulation "$(size 100000 1000)"
measure freeze 'no operation waits for a stopped thread' \
    's/^freeze: \([a-z]*\) .*: \([0-9]* stops\),.*/\1: \2/p' target freeze
measure between 'as one after the other' \
    's/^between: \(.*\) of operations, at \(.*\)/\1, \2/p' \
    target check-between
measure relacy 'all clean, all bugs found' 's/^relacy: \([0-9].*\)/\1/p' \
    env ITERATIONS="$(size 1000000 2000)" ${MAKE:-make} B="$build" relacy
measure models 'all bugs found' 's/^models: \(.* states, all .*\)/\1/p' \
    target models
measure catalogue 'each bug is found' 's/^mutate: \([0-9].*\)/\1/p' \
    target mutate-catalogue
measure lines 'all' 's/^lines: \(.*\)/\1/p' target coverage
measure branches 'all' 's/^branches: \(.*\)/\1/p' target mcdc
measure conditions 'all of policy and engine' \
    's/^conditions: \(.*\)/\1/p' conditions
# shellcheck disable=SC2086 # targets
measure asan 'nothing found' "$simulated" \
    sanitized asan gcc g++ address,undefined $tests
# shellcheck disable=SC2086
measure tsan 'nothing found, nothing suppressed' "$simulated" \
    sanitized tsan clang clang++ thread $tests
measure msan 'nothing found' 's/^faults: \(.*\)/\1/p' \
    sanitized msan clang clang++ memory \
    PKG_CONFIG=false check-unit check-faults
measure fuzz 'nothing found' 's/^fuzz: \(.*\)/\1/p' \
    target FUZZ_SECONDS="$(size 300 5)" fuzz
measure lint 'nothing found' 's/^lint: \(.*\)/\1/p' target lint
measure soak 'nothing grows or is lost' 's/^soak: \(.*\)/\1/p' \
    target SOAK_OPERATIONS="$(size 1000000000 1000000)" \
    SOAK_ROUNDS="$(size 1000 32)" soak
measure soak-tsan 'no race' 's/^soak: \(.*\)/\1/p' \
    target SOAK_OPERATIONS="$(size 1000000000 1000000)" \
    SOAK_ROUNDS="$(size 1000 32)" soak-tsan
if [ ! "$short" ]; then
    for machine in valgrind musl i386 armhf arm64 s390x; do
        measure $machine 'all pass' "$simulated" target $machine
    done
fi
measure mutants '95 %, those of concurrency all' 's/^mutate: \([0-9].*\)/\1/p' \
    target MUTATE_SECONDS="$(size 0 30)" mutate
table check simulation freeze between relacy models catalogue mutants lines \
    branches conditions asan tsan msan fuzz lint soak soak-tsan valgrind musl \
    i386 armhf arm64 s390x | tee "$out/table"
! grep -q '| NO |$' "$out/table"
