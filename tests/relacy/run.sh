#!/bin/sh
# usage: run.sh <build folder> [survey]          (env CXX, ITERATIONS, JOBS)
#
# Explores the library with Relacy.  src/ is compiled as it is, against the
# doors of relacy_shim.h.  For each line of scenarios.txt
#   - the scenario must be clean: in all schedules, or in those with so many
#     switches, where that comes to an end; and in $ITERATIONS random ones;
#   - each of its seeds must be reported: a bug that seeds.sed puts into a copy
#     of src/, behind its number.
# And each line of orders.txt, which weakens one memory order, tears one
# update or takes one lock out, must be reported by the scenario it names.
# Every memory order and lock of src/ that a scenario meets must be there.
#
# Relacy seeds each random schedule by its number: every run does the same.
#
# What was compiled is kept for as long as nothing changes that it is made of.
#
# survey: tries what orders.txt does not name with every scenario that meets
# it, and prints the lines that are missing.

out=${1:-build}/relacy
here=$(cd "$(dirname "$0")" && pwd)
root=$here/../..
runs=${ITERATIONS:-1000000}
seeded_runs=${SEEDED_ITERATIONS:-1000000}
jobs=${JOBS:-2}
self="$here/run.sh"

cxx="${CXX:-c++} -std=gnu++98 -fpermissive -w -DWEIR_RELACY -DWEIR_TEST_CPU
    -D_POSIX_C_SOURCE=200809L -D_Alignas(x)=__attribute__((aligned(x)))
    -I$here/c11 -I$here -I$root/include"

# ---- building ----

# Seeded programs have few schedules to run: they are not optimized.
flags() {
    [ $1 = clean ] && echo -O2 || echo "-O0 -DWITH_SEEDS"
}

# copy <folder>: the sources, with the members watched that copy.sed names
copy() {
    rm -rf "${out:?}/$1"
    mkdir -p "$out/$1"
    cp -r "$root/src" "$out/$1/src"
    for f in $(sed -n 's/^# ==> //p' "$here/copy.sed"); do
        sed -n "/^# ==> $(echo "$f" | sed 's/[/.]/\\&/g')\$/,/^# ==>/p" \
            "$here/copy.sed" > "$out/$1/edit.sed"
        sed -f "$out/$1/edit.sed" "$root/src/$f" > "$out/$1/src/$f"
        [ "$(grep -c 'watched<' "$out/$1/src/$f")" -eq \
            "$(grep -c 'watched<' "$out/$1/edit.sed")" ] ||
            echo "relacy: $f has changed; see copy.sed" >&2
    done
}

# All but what starts threads of its own or needs libuv; base/memory.c is
# replaced by heap.cpp.
sources() {
    printf "%s\n" "$out"/clean/src/*/*.c "$here/heap.cpp" |
        grep -v '/uv\.c$\|/pool\.c$\|/isolated\.c$\|base/memory\.c$'
}

# Relacy itself, once; without it, each compilation reads it again.
headers() {
    cp "$here/relacy_shim.h" "$out/$1" &&
        $cxx $(flags $1) -x c++-header -o "$out/$1/relacy_shim.h.$(
            $cxx --version | grep -q clang && echo pch || echo gch)" \
            "$out/$1/relacy_shim.h"
}

# object <clean|seeds> <source>
object() {
    name=$out/$1/$(basename "$2")
    rm -f "$name.o"
    $cxx $(flags $1) -I"$out/$1/src" -include "$out/$1/relacy_shim.h" \
        -x c++ -c -o "$name.o" "$2"
}

# The libraries, unless they are there.
build() {
    copy clean
    copy seeds
    for f in $(cd "$out/seeds" && ls src/*/*.[ch]); do
        sed -i -f "$here/seeds.sed" "$out/seeds/$f"
    done
    printf '%s\n' clean seeds | each headers
    sources | each object
    for kind in clean seeds; do
        ar rcs "$out/$kind/lib.a" "$out/$kind"/*.o || exit 1
    done
}

# What all programs are made of.
fingerprint() {
    cat "$root"/src/*/*.[ch] "$root"/include/*.h "$root"/include/weir/*.h \
        "$here"/*.h "$here"/*.sed "$here"/c11/* "$here/heap.cpp" "$self" \
        /usr/include/relacy/*.hpp 2>/dev/null | cksum
    $cxx --version | head -n 1
    echo "$cxx"
}

# program <clean|seeds> <name> <scenario> [flag...]
program() {
    kind=$1 name=$2 scenario=$3
    shift 3
    made_of=$(cksum < "$here/$scenario.cpp")$*
    [ "$(cat "$out/$kind/$name.made" 2>/dev/null)" = "$made_of" ] && return
    rm -f "$out/$kind/$name"
    $cxx $(flags $kind) "$@" -I"$out/$kind/src" \
        -include "$out/$kind/relacy_shim.h" -o "$out/$kind/$name" \
        "$here/$scenario.cpp" "$out/$kind/lib.a" &&
        echo "$made_of" > "$out/$kind/$name.made"
}

# ---- running ----

fail() {
    echo "relacy: FAILED: $*"
    : > "$out/failed"
}

# A bug may make a program run wild.
run() {
    (ulimit -t $((120 + runs / 2000)); exec "$@") 2>&1
}

# clean <program> <search> <schedules>: nothing is reported.  What a scenario
# is about must happen: in all schedules, or else in the random ones.
clean() {
    kind=random
    [ $3 = $runs ] || kind=$3
    said=$(run "$out/clean/$1" $3)
    status=$?
    case $status:$2:$kind in
    0:*) echo "relacy: $1: clean, $said ($kind)" ;;
    4:all:random | 4:*:switches*) ;;
    3:*) fail "$1: REPORTED: $said" ;;
    4:*) fail "$1: proves nothing: $said" ;;
    *) fail "$1: status $status: $said" ;;
    esac
}

# reported <program> <search>: by some random schedules, or else by the search
# or by many of them.  A crash is a report, too; a program that has to be
# stopped is not.
reported() {
    for how in $([ $2 = random ] || echo 20000 $2) $seeded_runs; do
        said=$(run "$out/seeds/$1" $how)
        status=$?
        case $status in
        3 | 134 | 135 | 136 | 139) return 0 ;;
        esac
    done
    return 1
}

seed() {
    if ! grep -qr "SEEDED($3)" "$out/seeds/src"; then
        fail "seed $3 no longer fits the source; see seeds.sed"
    elif SEED=$3 reported $1 $2; then
        echo "relacy:   $1, seed $3: $said"
    else
        fail "$1, seed $3: NOT FOUND (status $status: $said)"
    fi
}

# scenario <line of scenarios.txt>: all but the orders
scenario() {
    IFS='|' read -r name what search seeds <<END
$1
END
    name=$(echo $name) search=$(echo $search)
    case $search in
    all) full=-DFULL_SEARCH ;;
    switches*) full=-DBOUNDED_SEARCH ;;
    *) full= ;;
    esac
    if ! program clean $name $what $full ||
        ! program seeds $name $what $full; then
        fail "$name does not compile"
        return
    fi
    [ $search = random ] || clean $name $search $search
    clean $name $search $runs
    said=$(SITES=1 run "$out/seeds/$name" 20000)
    case $? in
    0 | 4) echo "$said" | sed -n "s/^site //p" > "$out/seeds/$name.sites" ;;
    *) fail "$name.seeds without a seed: $said" ;;
    esac
    for n in $seeds; do
        seed $name $search $n
    done
}

# ---- orders ----
# A mutant is <function> <operation> <mutation>; the operation ends in #2 for
# the second of its kind in the function, and so on.

# The operations that the programs have met: function, operation, line.
all_sites() {
    cat "$out"/seeds/*.sites | sort -u | sort -k1,1 -k2,2 -k3,3n |
        awk '{ n[$1 $2]++
               print $1, $2 (n[$1 $2] > 1 ? "#" n[$1 $2] : ""), $3, $2 }'
}

# What can be done to them: function, operation, mutation, line.
all_mutants() {
    awk '$4 == "lock" { if (!seen[$1]++) print $1, "lock", "lock", $3; next }
         { kind = $4 ~ /^load/ ? "load" : $4 ~ /^store/ ? "store" : "update" }
         $4 ~ /acquire$|acq_rel$/ { print $1, $2, "acquire", $3 }
         $4 ~ /release$|acq_rel$/ { print $1, $2, "release", $3 }
         $4 ~ /seq_cst$/ { print $1, $2, "seq_cst", $3 }
         kind == "update" { print $1, $2, "torn", $3 }' "$out/all_sites"
}

site_of() {
    awk -v f=$1 -v o=$2 -v m=$3 '$1 == f && $2 == o && $3 == m {
        print m ":" $4 ":" f }' "$out/all_mutants"
}

search_of() {
    awk -F'|' -v p=$1 '{ gsub(/ /, "", $1); gsub(/ /, "", $3) }
                       $1 == p { print $3 }' "$here/scenarios.txt"
}

# order <line of orders.txt>
order() {
    set -- $1
    site=$(site_of $1 $2 $3)
    if [ -z "$site" ]; then
        fail "orders.txt: $1 $2 $3 is not met by any scenario"
    elif [ $4 = - ]; then
        return
    elif SITE=$site reported $4 "$(search_of $4)"; then
        echo "relacy:   $1, $2 without $3: $4, $said"
    else
        fail "$1, $2 without $3: NOT FOUND by $4 (status $status: $said)"
    fi
}

# survey <function> <operation> <mutation> <line>
survey() {
    set -- $1
    for sites in $(grep -l "^$1 ${2%#*} $4\$" "$out"/seeds/*.sites); do
        name=$(basename $sites .sites)
        if SITE=$3:$4:$1 reported $name random; then
            echo $1 $2 $3 $name
            return
        fi
    done
    echo $1 $2 $3 - WHY
}

# ---- the whole ----

# each <what>: a job for each line of the input; what it says in one piece
each() {
    grep -v '^#\|^$' | tr '\n' '\0' | xargs -0 -P "$jobs" -I '{}' sh -c \
        'said=$(sh "$1" "$2" "job $3" "$4" 2>&1); [ "$said" ] && echo "$said"' \
        - "$self" "${out%/relacy}" "$1" '{}'
}

case $2 in
'job headers') headers $3; exit ;;
'job object') object clean "$3"
    object seeds "$(echo "$3" | sed "s|^$out/clean|$out/seeds|")"
    exit ;;
'job scenario') scenario "$3"; exit ;;
'job order') order "$3"; exit ;;
'job survey') survey "$3"; exit ;;
esac

mkdir -p "$out" || exit 1
echo '#include <relacy/relacy.hpp>' > "$out/probe.cpp"
if ! $cxx -fsyntax-only "$out/probe.cpp" 2> "$out/probe.log"; then
    echo "relacy: skipped: Relacy is not installed (relacy-dev)"
    exit 0
fi
rm -f "$out/failed"

if [ "$(fingerprint)" != "$(cat "$out/made" 2>/dev/null)" ]; then
    rm -f "$out/made"
    build
    fingerprint > "$out/made"
fi

grep "${ONLY:-.}" "$here/scenarios.txt" | each scenario
all_sites > "$out/all_sites"
all_mutants > "$out/all_mutants"
if [ "$2" = survey ]; then
    awk 'NR == FNR { known[$1 $2 $3] = 1; next } !known[$1 $2 $3]' \
        "$here/orders.txt" "$out/all_mutants" | each survey
    exit
fi
awk 'NR == FNR { known[$1 $2 $3] = 1; next }
     !known[$1 $2 $3] { print "relacy: FAILED: not in orders.txt:", $0; bad = 1 }
     END { exit bad }' "$here/orders.txt" "$out/all_mutants" || : > "$out/failed"
each order < "$here/orders.txt"

[ -e "$out/failed" ] && exit 1
echo "relacy: $(grep -vc '^#' "$here/scenarios.txt") scenarios clean in" \
    "$runs schedules, all seeds found, all orders needed but" \
    "$(grep -c ' - ' "$here/orders.txt")"
