// The Go libraries and the floor of Go: a call of a function value.
package main

import (
	"errors"
	"fmt"
	"os"
)

var errBody = errors.New("failed")

// bodies are what the policies protect.
type bodies struct {
	ok, fail func() error
}

//go:noinline
func succeed() error { return nil }

//go:noinline
func fail() error { return errBody }

// add adds a row after checking it: right results, and as many runs of the
// body for each call as expected.
func add(scene, library string, expected int, build func(bodies) chunk) {
	runs := 0
	counting := bodies{
		ok:   func() error { runs++; return nil },
		fail: func() error { runs++; return errBody },
	}
	check := build(counting)
	runs = 0
	wrong := check()
	if wrong != 0 || runs != expected*calls {
		fmt.Fprintf(os.Stderr, "%s %s: %d wrong results, %d runs\n",
			scene, library, wrong, runs)
		os.Exit(1)
	}
	rows = append(rows, row{scene, library, build(bodies{succeed, fail})})
}

// each is a chunk of calls that must all return expected.
func each(expected error, call func() error) chunk {
	return func() (wrong int) {
		for range calls {
			if call() != expected {
				wrong++
			}
		}
		return
	}
}

// some is a chunk of calls of which one in a hundred fails.
func some(ok, fail func() error) chunk {
	return func() (wrong int) {
		for range calls / 100 {
			for range 99 {
				if ok() != nil {
					wrong++
				}
			}
			if fail() != errBody {
				wrong++
			}
		}
		return
	}
}

func main() {
	add("call", "Go", 1, func(b bodies) chunk { return each(nil, b.ok) })
	addGobreaker()
	addMercari()
	addResiliency()
	addFailsafe()
	addFailsafePermits()
	serve()
}
