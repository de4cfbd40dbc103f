#!/bin/sh
# Installs what the tests need: compilers, cmocka, libuv, Relacy, Spin, Python,
# Valgrind, analysers, gcovr.  With "targets" as well what `make targets` needs.
set -eu

if [ "$(id -u)" = 0 ]; then
    root=
elif command -v sudo >/dev/null; then
    root=sudo
else
    echo "make deps installs packages: run it as root, or install sudo" >&2
    exit 1
fi

if command -v apt-get >/dev/null; then
    $root apt-get update
    if [ "${1-}" = targets ]; then
        DEBIAN_FRONTEND=noninteractive $root apt-get install -y \
            --no-install-recommends musl-tools qemu-user gcc-i686-linux-gnu \
            g++-i686-linux-gnu libc6-i386 gcc-arm-linux-gnueabihf \
            g++-arm-linux-gnueabihf gcc-aarch64-linux-gnu \
            g++-aarch64-linux-gnu gcc-s390x-linux-gnu g++-s390x-linux-gnu \
            dpkg-dev xz-utils
        # cmocka's source, for machines that no package has it for
        debian=/etc/apt/sources.list.d/debian
        [ ! -e $debian.sources ] ||
            sed 's/^Types: deb$/Types: deb-src/' $debian.sources |
            $root tee $debian-src.sources >/dev/null
        $root apt-get update
        (cd /usr/src && $root apt-get source --download-only cmocka)
    fi
    mcdc="clang-19 llvm-19 libclang-rt-19-dev" # for make mcdc
    apt-cache show clang-19 >/dev/null 2>&1 || mcdc=
    DEBIAN_FRONTEND=noninteractive $root apt-get install -y \
        --no-install-recommends gcc g++ clang make pkg-config python3 \
        python3-cffi libc6-dev libcmocka-dev libuv1-dev relacy-dev spin \
        valgrind clang-tidy cppcheck shellcheck gcovr $mcdc \
        "$(apt-cache depends clang | sed -n 's/.*Depends: clang-\([0-9]*\).*/libclang-rt-\1-dev/p' | head -n 1)"
elif command -v dnf >/dev/null; then
    $root dnf install -y gcc gcc-c++ clang compiler-rt make pkgconf-pkg-config \
        python3 libcmocka-devel libuv-devel libasan libubsan libtsan \
        clang-tools-extra cppcheck ShellCheck gcovr
    echo "Relacy is not packaged here: its scenarios will be skipped"
elif command -v apk >/dev/null; then
    $root apk add gcc g++ clang compiler-rt musl-dev make pkgconf python3 \
        cmocka-dev libuv-dev clang-extra-tools cppcheck shellcheck gcovr
    echo "Relacy is not packaged here: its scenarios will be skipped"
elif command -v pacman >/dev/null; then
    $root pacman -Sy --needed --noconfirm gcc clang compiler-rt make pkgconf \
        python cmocka libuv cppcheck shellcheck gcovr
    echo "Relacy is not packaged here: its scenarios will be skipped"
else
    echo "no apt-get, dnf, apk or pacman here; install a C and C++ compiler," \
        "make, pkg-config, cmocka, libuv, python3 and Relacy by hand" >&2
    exit 1
fi
