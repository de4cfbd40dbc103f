package main

import (
	"time"

	"github.com/eapache/go-resiliency/breaker"
	"github.com/eapache/go-resiliency/deadline"
	"github.com/eapache/go-resiliency/retrier"
	"github.com/eapache/go-resiliency/semaphore"
)

// The quickest rows loop by themselves: a call of a closure would show.

func addResiliency() {
	add("retry", "go-resiliency", 1, func(b bodies) chunk {
		r := retrier.New(retrier.ConstantBackoff(2, 0), nil)
		return func() (wrong int) {
			for range calls {
				if r.Run(b.ok) != nil {
					wrong++
				}
			}
			return
		}
	})
	add("retry-fail", "go-resiliency", 3, func(b bodies) chunk {
		r := retrier.New(retrier.ConstantBackoff(2, 0), nil)
		return each(errBody, func() error { return r.Run(b.fail) })
	})
	add("breaker", "go-resiliency", 1, func(b bodies) chunk {
		cb := breaker.New(5, 1, time.Hour)
		return func() (wrong int) {
			for range calls {
				if cb.Run(b.ok) != nil {
					wrong++
				}
			}
			return
		}
	})
	add("breaker-open", "go-resiliency", 0, func(b bodies) chunk {
		cb := breaker.New(5, 1, time.Hour)
		for cb.GetState() == breaker.Closed {
			cb.Run(b.fail)
		}
		return func() (wrong int) {
			for range calls {
				if cb.Run(b.ok) != breaker.ErrBreakerOpen {
					wrong++
				}
			}
			return
		}
	})
	add("bulkhead", "go-resiliency", 1, func(b bodies) chunk {
		s := semaphore.New(10, time.Second)
		return each(nil, func() error {
			if err := s.Acquire(); err != nil {
				return err
			}
			defer s.Release()
			return b.ok()
		})
	})
	add("timeout", "go-resiliency", 1, func(b bodies) chunk {
		d := deadline.New(time.Second)
		body := func(<-chan struct{}) error { return b.ok() }
		return each(nil, func() error { return d.Run(body) })
	})
}
