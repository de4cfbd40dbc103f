package main

import (
	"time"

	"github.com/failsafe-go/failsafe-go"
	"github.com/failsafe-go/failsafe-go/bulkhead"
	"github.com/failsafe-go/failsafe-go/circuitbreaker"
	"github.com/failsafe-go/failsafe-go/retrypolicy"
	"github.com/failsafe-go/failsafe-go/timeout"
)

// R is the result type of failsafe-go's generics.
type R = struct{}

func newConsecutive() circuitbreaker.CircuitBreaker[R] {
	return circuitbreaker.NewBuilder[R]().WithFailureThreshold(5).
		WithDelay(time.Hour).Build()
}

func newCount() circuitbreaker.CircuitBreaker[R] {
	return circuitbreaker.NewBuilder[R]().WithFailureThresholdRatio(50, 100).
		WithDelay(time.Hour).Build()
}

func newTime() circuitbreaker.CircuitBreaker[R] {
	return circuitbreaker.NewBuilder[R]().
		WithFailureRateThreshold(0.5, 20, 10*time.Second).
		WithDelay(time.Hour).Build()
}

func newOpen() circuitbreaker.CircuitBreaker[R] {
	cb := newConsecutive()
	for cb.IsClosed() {
		cb.RecordFailure()
	}
	return cb
}

func newRetry() retrypolicy.RetryPolicy[R] {
	return retrypolicy.NewBuilder[R]().WithMaxAttempts(3).
		ReturnLastFailure().Build()
}

func newFull() bulkhead.Bulkhead[R] {
	full := bulkhead.New[R](10)
	for full.TryAcquirePermit() {
	}
	return full
}

// addExecutor adds a row of policies run by their executor, as the library's
// guide does it.
func addExecutor(scene string, runs int, expected error,
	policies func() []failsafe.Policy[R]) {
	add(scene, "failsafe-go", runs, func(b bodies) chunk {
		executor, body := failsafe.With(policies()...), b.ok
		if expected == errBody {
			body = b.fail
		}
		return each(expected, func() error { return executor.Run(body) })
	})
}

func addFailsafe() {
	type list = []failsafe.Policy[R]
	addExecutor("retry", 1, nil, func() list { return list{newRetry()} })
	addExecutor("retry-fail", 3, errBody,
		func() list { return list{newRetry()} })
	addExecutor("breaker", 1, nil,
		func() list { return list{newConsecutive()} })
	addExecutor("breaker-count", 1, nil,
		func() list { return list{newCount()} })
	add("breaker-count-1", "failsafe-go", 1, func(b bodies) chunk {
		executor := failsafe.With[R](newCount())
		return some(func() error { return executor.Run(b.ok) },
			func() error { return executor.Run(b.fail) })
	})
	addExecutor("breaker-time", 1, nil,
		func() list { return list{newTime()} })
	addExecutor("breaker-open", 0, circuitbreaker.ErrOpen,
		func() list { return list{newOpen()} })
	addExecutor("bulkhead", 1, nil,
		func() list { return list{bulkhead.New[R](10)} })
	addExecutor("bulkhead-full", 0, bulkhead.ErrFull,
		func() list { return list{newFull()} })
	addExecutor("timeout", 1, nil,
		func() list { return list{timeout.New[R](time.Second)} })
	addExecutor("pipeline-3", 1, nil, func() list {
		return list{timeout.New[R](time.Second), newRetry(), newConsecutive()}
	})
	addExecutor("pipeline-5", 1, nil, func() list {
		return list{timeout.New[R](2 * time.Second), newRetry(),
			newConsecutive(), bulkhead.New[R](10),
			timeout.New[R](time.Second)}
	})
}
