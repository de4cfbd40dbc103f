#!/bin/sh
# usage: run.sh <build folder>          (env CC)
#
# Searches every state of the models with Spin.  Each model must be clean, its
# search complete, and every line of it reached; made small, it must have no
# endless run; and with each of its bugs (BUG_n) an error must be found.
# Two searches run at once.

here=$(dirname "$0")
export here out="$1/models"

if ! command -v spin > /dev/null; then
    echo "models: skipped: Spin is not installed (spin)"
    exit 0
fi

# Spin ends with 0 after many an error.
translate() {
    spin "$@" > spin.log 2>&1 && ! grep -qi 'error\|warning' spin.log
}

# found <name> <bug>: the search has reported something
found() {
    error=$(grep '^pan:1:' log | head -n 1)
    [ "$error" ] || return 1
    echo "models:   $1: found, $(echo "$error" | sed 's/^pan:1: //')"
}

# What would make a search prove less than it seems to.
doubts() {
    grep -q 'errors: 0$' log || echo "failed: $(grep '^pan:1:' log)"
    grep -i 'max search depth too small\|not completed\|out of memory' log
    [ "$1" = endless ] ||
        awk '/^unreached/ { p = $3 " " $4 } /, state / && !/-end-/ {
            print "unreached in " p ": " $0 }' log
}

# search <model> safe|endless [-DBUG_n]: in a folder of its own
search() {
    model=$1 kind=$2 bug=$3
    name="$model, $kind${bug:+, ${bug#-D}}"
    folder=$out/$model.$kind$bug
    rm -rf "$folder"
    mkdir -p "$folder" && cp "$here/$model.pml" "$folder" && cd "$folder" ||
        exit 1
    case $kind in
    safe) small='' flags=-DSAFETY walk='' ;;
    endless) small=-DSMALL flags=-DNP walk=-l ;;
    esac
    if ! translate $small $bug -a "$model.pml" ||
        ! ${CC:-cc} -w -O1 -DCOLLAPSE $flags -o pan pan.c; then
        echo "models: $name: does not build" >&2
        exit 1
    fi
    (ulimit -t 300; ./pan $walk -m1000000 -w23) > log 2>&1
    if [ "$bug" ]; then
        found "$name" && exit 0
        echo "models:   $name: NOT FOUND" >&2
        exit 1
    fi
    if [ "$(doubts $kind)" ]; then
        doubts $kind | sed "s/^/models: $name: /" >&2
        exit 1
    fi
    echo "models: $name: clean, $(awk '/states, stored/ { print $1 }' log)" \
        "states"
}

# The bugs of a model; "endless" at the start of what they are says how to look.
searches() {
    for model in breaker bulkhead budget; do
        echo $model safe
        echo $model endless
        sed -n 's|.*\(BUG_[0-9]*\) /\* endless:.*|endless -D\1|p
            t
            s|.*\(BUG_[0-9]*\) /\* .*|safe -D\1|p' "$here/$model.pml" |
            sort -u | sed "s/^/$model /"
    done
}

if [ "$2" ]; then
    shift
    search "$@"
else
    rm -rf "${out:?}"
    searches | xargs -P 2 -L 1 sh "$0" "$1" || exit 1
    awk '/states, stored/ { states += $1 } END {
        printf "models: %d states, all clean", states }' \
        "$out"/*.safe/log "$out"/*.endless/log
    echo ", all $(searches | grep -c BUG) bugs found"
fi
