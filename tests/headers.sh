#!/bin/sh
# The headers by themselves, and the symbols behind them.
# usage: headers.sh BUILD
set -eu
build=$1
work=$build/tests/headers
mkdir -p "$work"

fail() {
    echo "headers: $*" >&2
    exit 1
}

for header in include/weir.h include/weir_uv.h include/weir/*.h; do
    ${CC:-cc} -std=c99 -Wall -Wextra -Wpedantic -Werror -Iinclude \
        -fsyntax-only -x c "$header"
    ${CXX:-c++} -std=c++11 -Wall -Wextra -Wpedantic -Werror -Iinclude \
        -fsyntax-only -x c++ "$header"
done

# Bytes of padding could never be given a meaning.
${CC:-cc} -Wpadded -Werror -Iinclude -fsyntax-only -x c include/weir.h

# What a foreign function interface has to parse.
${CC:-cc} -E -P -DWEIR_API= include/weir.h > "$work/plain.h"
sed -n '/weir_strerror/,$p' "$work/plain.h" > "$work/ours.h"
if grep -nE '__attribute__|inline|\.\.\.|size_t|[^_]long|enum [a-z]' \
    "$work/ours.h"; then
    fail "the lines above are not plain C"
fi
if ${PYTHON:-python3} -c 'import cffi' 2>/dev/null; then
    ${PYTHON:-python3} -c "import cffi, sys
cffi.FFI().cdef(open(sys.argv[1]).read())" "$work/plain.h"
fi

# Exported is what is declared, and nothing else.
declared() {
    cat "$@" | tr '\n' ' ' | grep -oE 'WEIR_API [^(;]*\(' |
        grep -oE 'weir_[a-z_]+\($' | tr -d '(' | sort -u
}
exported() {
    nm -D --defined-only "$1" | awk '{ sub("@.*", "", $3); print $3 }' |
        grep -v '^WEIR_' | sort -u
}
declared include/weir/*.h > "$work/declared"
exported "$build/libweir.so" > "$work/exported"
diff "$work/declared" "$work/exported" || fail "libweir.so: symbols differ"
if [ -e "$build/libweir-uv.so" ]; then
    declared include/weir_uv.h > "$work/declared"
    exported "$build/libweir-uv.so" > "$work/exported"
    diff "$work/declared" "$work/exported" ||
        fail "libweir-uv.so: symbols differ"
fi
echo "headers: passed"
