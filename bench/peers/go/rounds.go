package main

import (
	"bufio"
	"fmt"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

const calls = 200 // in a chunk

// chunk makes that many calls; it returns how many gave a wrong result.
type chunk func() (wrong int)

type row struct {
	scene, library string
	chunk          chunk
}

var rows []row

// round runs a row in all goroutines at once and says ns per call of one.
func round(r row, threads int, length time.Duration) string {
	var ready, done sync.WaitGroup
	var ns, made, wrong atomic.Int64
	var stop atomic.Bool
	begin := make(chan struct{})
	ready.Add(threads)
	done.Add(threads)
	for range threads {
		go func() {
			defer done.Done()
			ready.Done()
			<-begin
			chunks, failed, began := 0, 0, time.Now()
			for {
				failed += r.chunk()
				chunks++
				if stop.Load() {
					break
				}
			}
			ns.Add(int64(time.Since(began)))
			made.Add(int64(chunks) * calls)
			wrong.Add(int64(failed))
		}()
	}
	ready.Wait()
	close(begin)
	time.Sleep(length)
	stop.Store(true)
	done.Wait()
	if wrong.Load() != 0 {
		return fmt.Sprint(wrong.Load(), " wrong results")
	}
	return fmt.Sprintf("%.3f", float64(ns.Load())/float64(made.Load()))
}

// serve answers the driver until it hangs up.
func serve() {
	for _, r := range rows {
		fmt.Printf("%s\t%s\t%d\n", r.scene, r.library, 64)
	}
	fmt.Println("ready", runtime.Version())
	in := bufio.NewReader(os.Stdin)
	for {
		var index, threads, ms int
		if _, err := fmt.Fscanf(in, "run %d %d %d\n",
			&index, &threads, &ms); err != nil {
			return
		}
		fmt.Println(round(rows[index], threads,
			time.Duration(ms)*time.Millisecond))
	}
}
