#!/bin/sh
# Installs the toolchains of the peers and gnuplot, where they are missing.
set -u

missing=
need() { # command, package
    command -v "$1" >/dev/null 2>&1 || missing="$missing $2"
}
need go golang-go
need cargo cargo
need javac default-jdk-headless
need mvn maven
need node nodejs
need npm npm
need gnuplot gnuplot-nox
python3 -c 'import ensurepip, venv' 2>/dev/null ||
    missing="$missing python3-venv"

[ -z "$missing" ] && exit 0
if ! command -v apt-get >/dev/null; then
    echo "no apt-get here; install what you miss by hand:$missing" >&2
    exit 0
fi
root=
[ "$(id -u)" = 0 ] || root=sudo
$root apt-get update
for package in $missing; do
    DEBIAN_FRONTEND=noninteractive $root apt-get install -y \
        --no-install-recommends "$package" || echo "$package: not installed"
done
exit 0
