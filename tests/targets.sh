#!/bin/sh
# All tests again, for another machine or C library, or under valgrind.  What
# is slow there is given less to do.
# usage: targets.sh TARGET BUILD; needs "make deps-targets"
set -eu
target=$1
build=$2/$target

# cmocka for a machine that no package has it for: from its source.
cmocka() {
    mkdir -p "$build"
    tar xJf /usr/src/cmocka_*.orig.tar.xz -C "$build" --strip-components=1 \
        --wildcards '*/include/cmocka.h' '*/include/cmocka_private.h' \
        '*/src/cmocka.c'
    $cc -std=gnu99 -O1 -w -DHAVE_INTTYPES_H -DHAVE_MALLOC_H -DHAVE_SIGNAL_H \
        -DHAVE_STRINGS_H -DHAVE_SIGLONGJMP -DHAVE_STRSIGNAL \
        -DHAVE_STRUCT_TIMESPEC -DHAVE_CLOCK_GETTIME -DHAVE_CLOCK_REALTIME \
        -DHAVE_GCC_THREAD_LOCAL_STORAGE -I"$build/include" \
        -c "$build/src/cmocka.c" -o "$build/cmocka.o"
}

# check SEEDS OPERATIONS VARIABLE=...
check() {
    seeds=$1 operations=$2
    shift 2
    $MAKE -j2 --no-print-directory B="$build" SEEDS="$seeds" \
        OPERATIONS="$operations" PYTHON=none CFLAGS="-O2 -g -Werror" "$@" \
        check-unit check-scenarios check-sim check-stress check-between
}

# foreign SEEDS OPERATIONS CC CXX LDFLAGS [RUN]
foreign() {
    cc=$3
    $cc -Wpadded -Werror -Iinclude -fsyntax-only -x c include/weir.h
    cmocka
    check "$1" "$2" CC="$3" CXX="$4" LDFLAGS="$5" RUN="${6-}" PKG_CONFIG=false \
        CMOCKA_CFLAGS="-I$build/include" CMOCKA_LIBS="$build/cmocka.o"
}

# emulated SEEDS OPERATIONS TRIPLET QEMU; what an emulator cannot do is skipped
emulated() {
    export EMULATED=1
    foreign "$1" "$2" "$3-gcc" "$3-g++" "" "$4 -L /usr/$3"
}

# A thousand threads need room for their stacks, also in 32 bits.
ulimit -s 1024

case $target in
arm64) emulated 100 50000 aarch64-linux-gnu qemu-aarch64 ;;
armhf) emulated 100 50000 arm-linux-gnueabihf qemu-arm ;;
s390x) emulated 100 50000 s390x-linux-gnu qemu-s390x ;;
i386)
    lib=/usr/i686-linux-gnu/lib
    foreign 1000 500000 i686-linux-gnu-gcc i686-linux-gnu-g++ \
        "-Wl,--dynamic-linker=$lib/ld-linux.so.2,-rpath=$lib"
    ;;
musl)
    # No C++ there; and libgcc would ask glibc in order to unwind.
    mkdir -p "$build"
    echo "int _dl_find_object(void) { return -1; }" |
        musl-gcc -fPIC -x c -c -o "$build/no_unwind.o" -
    foreign 1000 500000 musl-gcc "" "-static-libgcc $build/no_unwind.o"
    ;;
valgrind)
    check 20 10000 RUN="valgrind -q --error-exitcode=99 --leak-check=full \
--errors-for-leak-kinds=definite,indirect --fair-sched=yes \
--child-silent-after-fork=yes --max-threads=1100"
    ;;
*)
    echo "targets.sh: no target $target" >&2
    exit 1
    ;;
esac
