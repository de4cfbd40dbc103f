#!/bin/sh
# What a user does first: install, compile the README's program, run it; and
# uninstall.  Then the same without libuv.  usage: install.sh BUILD
set -eu
build=$1
make=${MAKE:-make}
work=$(cd "$build" && pwd)/tests/install
rm -rf "$work"
mkdir -p "$work"

fail() {
    echo "install: $*" >&2
    exit 1
}

awk '/^```c$/ { on = 1; next } /^```$/ { exit } on' README.md \
    > "$work/readme.c"
[ "$(grep -c . "$work/readme.c")" -le 25 ] || fail "more than 25 lines"

# compile_and_run STAGE STATIC
compile_and_run() {
    export PKG_CONFIG_PATH="$1/opt/weir/lib/pkgconfig"
    export PKG_CONFIG_SYSROOT_DIR="$1"
    ${CC:-cc} -std=c11 -Wall -Wextra -Werror ${CFLAGS:-} ${2:+-static} \
        "$work/readme.c" -o "$work/readme" \
        $(pkg-config --cflags --libs ${2:+--static} weir)
    LD_LIBRARY_PATH="$1/opt/weir/lib" "$work/readme" > "$work/out"
    grep -q '^answered$' "$work/out" || fail "the README's program: $(cat "$work/out")"
}

# install_and_remove STAGE MAKE-ARGUMENTS...
install_and_remove() {
    stage=$1
    shift
    $make -s "$@" install DESTDIR="$stage" PREFIX=/opt/weir > "$work/log" 2>&1 ||
        fail "$(cat "$work/log")"
    compile_and_run "$stage" ""
    case ${CFLAGS:-} in
    *-fsanitize*) ;;
    *) compile_and_run "$stage" static ;;
    esac
    $make -s "$@" uninstall DESTDIR="$stage" PREFIX=/opt/weir
    [ -z "$(find "$stage" ! -type d)" ] || fail "left: $(find "$stage" ! -type d)"
}

install_and_remove "$work/stage" B="$build"
install_and_remove "$work/bare" B="$build/no-uv" PKG_CONFIG=false
[ "$(grep -c 'left out' "$work/log")" = 1 ] || fail "does not say once that libuv is missing"
[ ! -e "$build/no-uv/libweir-uv.a" ] || fail "built libweir-uv without libuv"

if command -v readelf >/dev/null; then
    readelf -d "$build/libweir.so" > "$work/dynamic"
    grep -q 'SONAME.*\[libweir.so.0.1\]' "$work/dynamic" || fail "soname"
    if grep NEEDED "$work/dynamic" | grep -vE 'libc\.|libpthread|ld-|lib[atu]*san|libgcc_s'; then
        fail "libweir.so needs more than libc"
    fi
    case ${CFLAGS:-} in
    *-fsanitize*) ;;
    *)
        readelf -lW "$build/libweir.so" > "$work/segments"
        grep -q BIND_NOW "$work/dynamic" || fail "symbols are bound late"
        grep -q GNU_RELRO "$work/segments" || fail "no RELRO segment"
        grep -q 'GNU_STACK.* RW ' "$work/segments" || fail "executable stack"
        ;;
    esac
fi
echo "install: passed"
