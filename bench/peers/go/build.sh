#!/bin/sh
# Builds the Go program as $1/run.
set -eu
cd "$(dirname "$0")"
GOTOOLCHAIN=local go build -buildvcs=false -o "$1/run" .
