#!/bin/sh
# usage: run.sh BUILD SECONDS TARGET...
#
# Runs the targets with libFuzzer, two at a time, each for so long, from the
# corpus; what is new is kept in BUILD/corpus.  An input that fails is kept in
# BUILD, and named.  With MERGE in the environment, puts what adds coverage
# into the corpus instead.
build=$1 seconds=$2
shift 2
cc=${CC:-clang}
corpus=tests/fuzz/corpus

mkdir -p "$build"
echo 'int LLVMFuzzerTestOneInput(const void *d, long n) { return !d && n; }' \
    > "$build/probe.c"
if ! $cc -fsanitize=fuzzer -o "$build/probe" "$build/probe.c" 2>/dev/null; then
    echo "fuzz: skipped: $cc with libFuzzer is not installed"
    exit 0
fi
san="-fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all"
${MAKE:-make} -s B="$build" CC="$cc" FUZZER=-fsanitize=fuzzer \
    CFLAGS="-O1 -g $san" fuzzers || exit 1

for t in "$@"; do
    mkdir -p "$build/corpus/$t" "$corpus/$t"
    if [ "${MERGE-}" ]; then
        "$build/tests/fuzz/$t" -set_cover_merge=1 "$corpus/$t" "$build/corpus/$t" \
            > "$build/$t.log" 2>&1 || exit 1
    fi
done
[ "${MERGE-}" ] && exit

rm -f "$build"/*.runs
printf '%s\n' "$@" | xargs -P 2 -I '{}' sh -c '
    "$1/tests/fuzz/$2" -max_total_time="$3" -max_len=2048 -timeout=20 \
        -artifact_prefix="$1/$2-" -print_final_stats=1 "$1/corpus/$2" \
        "$4/$2" > "$1/$2.log" 2>&1
    status=$?
    runs=$(sed -n "s/^stat::number_of_executed_units: *//p" "$1/$2.log")
    if [ $status -ne 0 ]; then
        grep "^tests/fuzz\|^seed\|ERROR\|SUMMARY\|Test unit written" "$1/$2.log"
        echo "fuzz: $2: FAILED; see $1/$2.log"
        exit 1
    fi
    echo "$runs" > "$1/$2.runs"
    echo "fuzz: $2: $runs runs, nothing found"' - "$build" '{}' "$seconds" \
    "$corpus" || exit 1
echo "fuzz: $(awk "{ n += \$1 } END { print n }" "$build"/*.runs) runs of $# targets," \
    "$seconds s each; nothing found"
