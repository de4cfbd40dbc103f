package main

import (
	"context"
	"time"

	circuitbreaker "github.com/mercari/go-circuitbreaker"
)

func newMercari(options ...circuitbreaker.BreakerOption) *circuitbreaker.CircuitBreaker {
	return circuitbreaker.New(append(options,
		circuitbreaker.WithOpenTimeout(time.Hour))...)
}

// guard is a call through the breaker.
func guard(cb *circuitbreaker.CircuitBreaker, body func() error) func() error {
	ctx := context.Background()
	return func() error {
		_, err := cb.Do(ctx, func() (interface{}, error) {
			return nil, body()
		})
		return err
	}
}

func addMercari() {
	inARow := circuitbreaker.WithTripFunc(
		circuitbreaker.NewTripFuncConsecutiveFailures(5))
	add("breaker", "mercari", 1, func(b bodies) chunk {
		return each(nil, guard(newMercari(inARow), b.ok))
	})
	add("breaker-time", "mercari", 1, func(b bodies) chunk {
		return each(nil, guard(newMercari(circuitbreaker.WithTripFunc(
			circuitbreaker.NewTripFuncFailureRate(20, 0.5)),
			circuitbreaker.WithCounterResetInterval(10*time.Second)), b.ok))
	})
	add("breaker-open", "mercari", 0, func(b bodies) chunk {
		cb := newMercari(inARow)
		for cb.State() == circuitbreaker.StateClosed {
			guard(cb, b.fail)()
		}
		return each(circuitbreaker.ErrOpen, guard(cb, b.ok))
	})
}
