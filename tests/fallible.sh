#!/bin/sh
# usage: fallible.sh <build folder> <wrapped function>...
#
# Whatever libweir calls is made to fail by tests/faults, or is told here why
# it cannot.  A new call belongs in one of the two.

set -eu
build=$1
shift
wrapped="$*"

# Cannot fail with the arguments that it is given, or says so by another way
# than a status.
cannot="
clock_gettime getpid pthread_self
bcmp memcmp memcpy memmove memset strcmp
pthread_once
pthread_mutex_lock pthread_mutex_unlock pthread_cond_broadcast
pthread_cond_signal pthread_setcancelstate pthread_join pthread_detach
pthread_testcancel
pthread_sigmask sigaddset sigemptyset sigfillset sigismember sigpending sigwait
"

# clang's guard around cleanups in case one of them throws, which none does.
cannot="$cannot abort"

# libuv: starting, stopping and closing an open handle, and reading the time;
# uv_timer_init always gives 0; uv_async_send ends the process where it cannot.
cannot="$cannot
uv_async_send uv_close uv_timer_init uv_timer_start uv_timer_stop
uv_update_time uv_now
"

failed=0
for symbol in $(nm -u "$build"/libweir*.a |
    sed -n 's/^ *U \([a-z][a-z0-9_]*\).*/\1/p' | grep -v '^weir_' | sort -u); do
    case " $(echo $cannot $wrapped) " in
    *" $symbol "*) ;;
    *)
        echo "fallible: nothing is known of $symbol" >&2
        failed=1
        ;;
    esac
done
exit $failed
