package main

import (
	"time"

	"github.com/sony/gobreaker/v2"
)

func newGobreaker(s gobreaker.Settings) *gobreaker.CircuitBreaker[struct{}] {
	s.Timeout = time.Hour
	return gobreaker.NewCircuitBreaker[struct{}](s)
}

// protect is a call through the breaker.
func protect(cb *gobreaker.CircuitBreaker[struct{}],
	body func() error) func() error {
	return func() error {
		_, err := cb.Execute(func() (struct{}, error) {
			return struct{}{}, body()
		})
		return err
	}
}

func addGobreaker() {
	rolling := gobreaker.Settings{
		Interval:     10 * time.Second,
		BucketPeriod: time.Second,
		ReadyToTrip: func(c gobreaker.Counts) bool {
			return c.Requests >= 20 && c.TotalFailures*2 >= c.Requests
		},
	}
	add("breaker", "gobreaker", 1, func(b bodies) chunk {
		cb := newGobreaker(gobreaker.Settings{})
		return each(nil, protect(cb, b.ok))
	})
	add("breaker-time", "gobreaker", 1, func(b bodies) chunk {
		return each(nil, protect(newGobreaker(rolling), b.ok))
	})
	add("breaker-open", "gobreaker", 0, func(b bodies) chunk {
		cb := newGobreaker(gobreaker.Settings{})
		for cb.State() == gobreaker.StateClosed {
			protect(cb, b.fail)()
		}
		return each(gobreaker.ErrOpenState, protect(cb, b.ok))
	})
}
