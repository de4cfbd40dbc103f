package main

import (
	"github.com/failsafe-go/failsafe-go/bulkhead"
	"github.com/failsafe-go/failsafe-go/circuitbreaker"
)

// The permits of failsafe-go, for callers that do without its executor.

const permits = "failsafe-go permits"

// permitted is a call between a permit and its record.
func permitted(cb circuitbreaker.CircuitBreaker[R],
	body func() error) func() error {
	return func() error {
		if !cb.TryAcquirePermit() {
			return circuitbreaker.ErrOpen
		}
		err := body()
		if err != nil {
			cb.RecordFailure()
		} else {
			cb.RecordSuccess()
		}
		return err
	}
}

func addPermits(scene string, runs int, expected error,
	newBreaker func() circuitbreaker.CircuitBreaker[R]) {
	add(scene, permits, runs, func(b bodies) chunk {
		return each(expected, permitted(newBreaker(), b.ok))
	})
}

func addBulkheadPermits(scene string, runs int, expected error,
	newBulkhead func() bulkhead.Bulkhead[R]) {
	add(scene, permits, runs, func(b bodies) chunk {
		bh := newBulkhead()
		return each(expected, func() error {
			if !bh.TryAcquirePermit() {
				return bulkhead.ErrFull
			}
			defer bh.ReleasePermit()
			return b.ok()
		})
	})
}

func addFailsafePermits() {
	addPermits("breaker", 1, nil, newConsecutive)
	addPermits("breaker-count", 1, nil, newCount)
	addPermits("breaker-time", 1, nil, newTime)
	addPermits("breaker-open", 0, circuitbreaker.ErrOpen, newOpen)
	add("breaker-count-1", permits, 1, func(b bodies) chunk {
		cb := newCount()
		return some(permitted(cb, b.ok), permitted(cb, b.fail))
	})
	addBulkheadPermits("bulkhead", 1, nil,
		func() bulkhead.Bulkhead[R] { return bulkhead.New[R](10) })
	addBulkheadPermits("bulkhead-full", 0, bulkhead.ErrFull, newFull)
}
