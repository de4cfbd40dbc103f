#!/bin/sh
# Builds the Rust program as $1/run.
set -eu
cd "$(dirname "$0")"
RUST_VERSION=$(rustc --version | cut -d ' ' -f 2)
export RUST_VERSION
cargo build --quiet --release --locked --target-dir "$1/target"
cp "$1/target/release/peers" "$1/run"
