#!/bin/sh
# usage: run.sh <build folder>          (env CXX)
#
# Explores the lock-free cores of src/ with Relacy: each scenario must be
# clean, and each bug seeded into it must be reported (see SEEDED in
# relacy_shim.h and seeds.sed; src/ is not touched).  The numbers of schedules
# are fixed and Relacy seeds each random schedule by its number: every run does
# the same.

out=${1:-build}/relacy
here=$(dirname "$0")
root=$here/../..
cxx="${CXX:-c++} -std=gnu++98 -fpermissive -w -O2 -DWEIR_RELACY"
failed=0

mkdir -p "$out" || exit 1
echo '#include <relacy/relacy_std.hpp>' > "$out/probe.cpp"
if ! $cxx -fsyntax-only "$out/probe.cpp" 2> "$out/probe.log"; then
    echo "relacy: skipped: Relacy is not installed (relacy-dev)"
    exit 0
fi

fail() {
    echo "relacy: $*" >&2
    failed=1
}

# What is under test, in a folder of its own: the breaker's core as it is, the
# bulkhead's with a list of pointers that Relacy watches, and the functions of
# stepped.c that wait and wake.
copy() {
    rm -rf "$1"
    mkdir -p "$1/policy"
    for f in breaker_word breaker_core count_window time_window budget_core; do
        cp "$root/src/policy/$f.h" "$1/policy/"
    done
    sed -e 's/^    weir__waiter \*\([a-z]*\);/    watched<weir__waiter *> \1;/' \
        -e 's/^    weir__waker \*waker;/    watched<weir__waker *> waker;/' \
        "$root/src/policy/bulkhead_core.h" > "$1/policy/bulkhead_core.h"
    [ "$(grep -c 'watched<' "$1/policy/bulkhead_core.h")" -eq 5 ] ||
        fail "the list of bulkhead_core.h has changed; see copy in run.sh"
    for f in 'void weir__stepped_wake' 'static int has_news' \
        'static int step' 'int weir_call_step'; do
        sed -n "/^$f(/,/^}/p" "$root/src/engine/stepped.c"
    done > "$1/stepped_extract.h"
    [ "$(grep -c '^}' "$1/stepped_extract.h")" -eq 4 ] ||
        fail "stepped.c has changed; see copy in run.sh"
}

copy "$out/clean"
copy "$out/seeds"
for f in policy/breaker_core.h policy/bulkhead_core.h policy/count_window.h \
    policy/time_window.h policy/budget_core.h stepped_extract.h; do
    sed -f "$here/seeds.sed" "$out/clean/$f" > "$out/seeds/$f"
done

# build <program> <scenario> clean|seeds [flag...]
build() {
    program=$1 scenario=$2 folder=$3
    shift 3
    rm -f "$out/$program"
    $cxx "$@" -I"$out/$folder" -I"$here" -I"$root/src" -I"$root/include" \
        -o "$out/$program" "$here/$scenario.cpp"
}

# A bug may make a program run wild.
run() {
    (ulimit -t 60; exec "$@") 2>&1
}

# clean <program> [schedules]: nothing is reported
clean() {
    said=$(run "$out/$1" $2)
    status=$?
    case $status in
    0) echo "relacy: $1: clean, $said ($([ "$2" ] && echo random || echo all))" ;;
    3) fail "$1: REPORTED: $said" ;;
    4) fail "$1: proves nothing: $said" ;;
    *) fail "$1: status $status: $said" ;;
    esac
}

# seeds <scenario> <schedules or ""> <seed...>: each is found
seeds() {
    scenario=$1 schedules=$2
    shift 2
    # Without a seed nothing is, so it is the seed that is found below.
    said=$(run "$out/$scenario.seeds" ${schedules:+10000}) ||
        fail "$scenario.seeds without a seed: $said"
    for n; do
        if ! grep -q "SEEDED($n)" "$here/relacy_shim.h" "$out"/seeds/*.h \
            "$out"/seeds/policy/*.h; then
            fail "seed $n no longer fits the source; see seeds.sed"
            continue
        fi
        said=$(SEED=$n run "$out/$scenario.seeds" $schedules)
        status=$?
        if [ $status -eq 3 ]; then
            echo "relacy:   $scenario, seed $n: found, $said"
        else
            fail "  $scenario, seed $n: NOT FOUND (status $status: $said)"
        fi
    done
}

# Building takes most of the time: two at once.
build breaker_expiry.2 breaker_expiry clean -DTHREADS=2 -DFULL_SEARCH &
build breaker_expiry breaker_expiry clean &
wait
build breaker_expiry.seeds breaker_expiry seeds -DWITH_SEEDS &
build breaker_stale breaker_stale clean -DFULL_SEARCH &
wait
build breaker_stale.seeds breaker_stale seeds -DWITH_SEEDS -DFULL_SEARCH &
build breaker_lease breaker_lease clean &
wait
build breaker_lease.seeds breaker_lease seeds -DWITH_SEEDS &
build bulkhead_handover.2 bulkhead_handover clean -DTHREADS=2 -DFULL_SEARCH &
wait
build bulkhead_handover bulkhead_handover clean &
build bulkhead_handover.seeds bulkhead_handover seeds -DWITH_SEEDS &
wait
build bulkhead_queue bulkhead_queue clean &
build bulkhead_queue.seeds bulkhead_queue seeds -DWITH_SEEDS &
wait
build stepped_wake stepped_wake clean &
build stepped_wake.seeds stepped_wake seeds -DWITH_SEEDS &
wait

build count_window count_window clean &
build count_window.trip count_window clean -DTRIP &
wait
build count_window.seeds count_window seeds -DWITH_SEEDS &
build count_window.trip.seeds count_window seeds -DWITH_SEEDS -DTRIP &
wait
build count_window.lap count_window clean -DLAP -DFULL_SEARCH &
build count_window.lap.seeds count_window seeds -DWITH_SEEDS -DLAP \
    -DFULL_SEARCH &
wait
build time_window time_window clean -DFULL_SEARCH &
build time_window.two time_window clean -DFULL_SEARCH -DTWO_FAILURES &
wait
build time_window.seeds time_window seeds -DWITH_SEEDS -DFULL_SEARCH &
build time_window.two.seeds time_window seeds -DWITH_SEEDS -DFULL_SEARCH \
    -DTWO_FAILURES &
wait
build budget budget clean &
build budget.seeds budget seeds -DWITH_SEEDS &
wait

clean breaker_expiry.2
clean breaker_expiry 300000
seeds breaker_expiry 300000 4 10 11 12 13

clean breaker_stale
seeds breaker_stale "" 4 20 21 22

clean breaker_lease 300000
seeds breaker_lease 300000 1 3 4 30 31 32 33

clean bulkhead_handover.2
clean bulkhead_handover 500000
seeds bulkhead_handover 500000 1 2 3 4 5 40 41 42 43

clean bulkhead_queue 300000
seeds bulkhead_queue 300000 2 5 50 51 52 53

clean stepped_wake 500000
seeds stepped_wake 500000 3 60 61 62

clean count_window 300000
clean count_window.trip 300000
clean count_window.lap
seeds count_window 300000 4 70 71 73 74
seeds count_window.trip 300000 4 70 75
seeds count_window.lap "" 4 71 72

clean time_window
clean time_window.two
seeds time_window "" 4 80 81
seeds time_window.two "" 4 82

clean budget 300000
seeds budget 300000 4 90 91 92

[ $failed -eq 0 ] && echo "relacy: all scenarios clean, all seeds found"
exit $failed
