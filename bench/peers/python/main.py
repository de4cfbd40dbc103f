"""The Python libraries and the floor of Python: a call of a function."""

import pybreaker
import tenacity

from rounds import Failed, add, raises, serve, succeeds


def new_breaker():
    return pybreaker.CircuitBreaker(fail_max=5, reset_timeout=3600)


def new_open_breaker(fail):
    breaker = new_breaker()
    while breaker.current_state == pybreaker.STATE_CLOSED:
        try:
            breaker.call(fail)
        except (Failed, pybreaker.CircuitBreakerError):
            pass
    return breaker


def breaker_closed(body):
    breaker = new_breaker()
    return succeeds(lambda: breaker.call(body.ok))


def breaker_open(body):
    breaker = new_open_breaker(body.fail)
    return raises(pybreaker.CircuitBreakerError,
                  lambda: breaker.call(body.ok))


retry = tenacity.retry(stop=tenacity.stop_after_attempt(3),
                       wait=tenacity.wait_none(), reraise=True)

add("call", "Python", 1, lambda body: succeeds(body.ok))
add("breaker", "pybreaker", 1, breaker_closed)
add("breaker-open", "pybreaker", 0, breaker_open)
add("retry", "tenacity", 1, lambda body: succeeds(retry(body.ok)))
add("retry-fail", "tenacity", 3,
    lambda body: raises(Failed, retry(body.fail)))
serve()
