#!/bin/sh
# instructions.sh PROGRAM gcc|clang [refresh]: instructions per call of every
# case, counted by callgrind, against bench/instructions.txt.  Counts hardly
# depend on the machine, unlike times.  (Valgrind shows no vdso and no rseq: a
# clock costs a system call's few instructions, stripes are chosen by thread.)
set -eu

program=$1 compiler=$2 refresh=${3:-}
bounds=bench/instructions.txt

if ! command -v valgrind >/dev/null; then
    echo "no valgrind here: instructions are not counted"
    exit 0
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
if ! valgrind --tool=callgrind --collect-atstart=no \
        --callgrind-out-file="$work/out" "$program" >"$work/log" 2>&1; then
    cat "$work/log"
    exit 1
fi

# One line a case: instructions, compiler, name; in the order they were run.
ls "$work"/out.* | sort -t. -k3n | xargs awk -F'[:|] *' '
    /^desc: Trigger: Client Request/ {
        name = $0; sub(/.*Client Request: /, "", name)
        split(name, part, "|")
    }
    /^totals:/ {
        k = part[1]
        if (part[3] == 1) { once = $2; next }
        n = ($2 - once) / 1000 / part[2]
        if (!(k in least)) { order[++cases] = k; least[k] = n }
        if (n < least[k]) least[k] = n
    }
    END {
        for (i = 1; i <= cases; i++)
            printf "%9.1f %s\n", least[order[i]], order[i]
    }' >"$work/now"

if [ -n "$refresh" ]; then
    {
        grep '^#' "$bounds"
        awk -v compiler="$compiler" '
            FNR == NR { sub(/^ *[0-9.]+/, "& " compiler); print; next }
            !/^#/ && $2 != compiler' "$work/now" "$bounds"
    } >"$work/bounds"
    cp "$work/bounds" "$bounds"
fi

awk -v compiler="$compiler" '
    function name(from) { sub(from, ""); return $0 }
    FNR == NR {
        if (/^# tolerance/ && $3 == compiler) { share = $4; more = $5 }
        if (!/^#/ && $2 == compiler) {
            n = $1; bound[name("^ *[0-9.]+ [a-z]+ ")] = n
        }
        next
    }
    {
        n = $1; k = name("^ *[0-9.]+ "); b = bound[k]; verdict = ""
        if (k ~ /^floor: /) b = n
        else if (!(k in bound)) verdict = "no bound"
        else if (n > b * (1 + share) + more) verdict = "MORE"
        else if (n < b * (1 - share) - more) verdict = "less"
        count[verdict]++
        printf "%9.1f %9s %-9s %s\n", n, k ~ /^floor/ ? "" : b, verdict, k
    }
    END {
        if (count["less"])
            print count["less"] " need less: make bench-instructions" \
                " REFRESH=1 tightens the bounds"
        if (count["MORE"] + count["no bound"]) {
            print count["MORE"] + 0 " need more than their bound, " \
                count["no bound"] + 0 " have none (" compiler ")"
            exit 1
        }
    }' "$bounds" "$work/now"
