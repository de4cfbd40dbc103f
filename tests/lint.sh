#!/bin/sh
# Analysers over library, examples and scripts: none may find anything.  The
# tests and benchmarks, which may die of a failed malloc, are read by cppcheck
# alone.  A tool that is missing is skipped.
set -u
cd "$(dirname "$0")/.." || exit 1
flags="-std=c11 -D_DEFAULT_SOURCE -Iinclude -Isrc"
sources=$(find src examples -name '*.c')
failed=0

# lint TOOL ARGUMENTS...: run for each line of the input, which {} stands for
lint() {
    if ! command -v "$1" >/dev/null; then
        echo "lint: skipped: $1 is not installed"
    elif said=$(xargs -P "${JOBS:-2}" -I '{}' "$@" 2>&1); then
        echo "lint: $1: nothing found"
    else
        echo "$said"
        echo "lint: $1: FAILED"
        failed=1
    fi
}

lint gcc $flags -O2 -fanalyzer -Werror -S -o /dev/null '{}' <<END
$sources
END
lint clang-tidy --quiet '{}' -- $flags <<END
$sources
END
# It cannot evaluate __has_include.
lint cppcheck -q --enable=warning,performance,portability --std=c11 \
    --inline-suppr --error-exitcode=1 -D'__has_include(x)=0' -D__GNUC__ \
    -Iinclude -Isrc -Itests -Ibench '{}' <<END
src
examples
tests
bench
END
lint shellcheck -S warning '{}' <<END
$(find tests bench -name '*.sh')
.ci/run
END
exit $failed
