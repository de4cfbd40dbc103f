"""Rows of the table, and the rounds that the driver asks for."""

import platform
import sys
import threading
import time

CALLS = 200  # in a chunk

rows = []


class Failed(Exception):
    """What a failing body raises."""


class Quick:
    """What the policies protect."""

    @staticmethod
    def ok():
        return 0

    @staticmethod
    def fail():
        raise Failed


class Counting:
    runs = 0

    @staticmethod
    def ok():
        Counting.runs += 1
        return 0

    @staticmethod
    def fail():
        Counting.runs += 1
        raise Failed


def succeeds(call):
    """A chunk of calls that must all return 0; says how many did not."""
    def chunk():
        wrong = 0
        for _ in range(CALLS):
            if call() != 0:
                wrong += 1
        return wrong
    return chunk


def raises(expected, call):
    """A chunk of calls that must all raise the expected."""
    def chunk():
        wrong = CALLS
        for _ in range(CALLS):
            try:
                call()
            except expected:
                wrong -= 1
        return wrong
    return chunk


def add(scene, library, expected, build):
    """Adds a row after checking it: results, and runs of the body."""
    check = build(Counting)
    Counting.runs = 0
    wrong = check()
    if wrong or Counting.runs != expected * CALLS:
        sys.exit(f"{scene} {library}: {wrong} wrong results,"
                 f" {Counting.runs} runs")
    rows.append((scene, library, build(Quick)))


def _work(chunk, barrier, stop, done):
    calls = wrong = 0
    barrier.wait()
    began = time.perf_counter_ns()
    while True:
        wrong += chunk()
        calls += CALLS
        if stop.is_set():
            break
    done.append((time.perf_counter_ns() - began, calls, wrong))


def _round(chunk, threads, ms):
    """Runs a row on all threads at once; says ns per call of a thread."""
    barrier, stop = threading.Barrier(threads + 1), threading.Event()
    done = []
    workers = [threading.Thread(target=_work,
                                args=(chunk, barrier, stop, done))
               for _ in range(threads)]
    for worker in workers:
        worker.start()
    barrier.wait()
    time.sleep(ms / 1000)
    stop.set()
    for worker in workers:
        worker.join()
    ns, calls, wrong = map(sum, zip(*done))
    return f"{wrong} wrong results" if wrong else f"{ns / calls:.3f}"


def serve():
    """Answers the driver until it hangs up."""
    for scene, library, _ in rows:
        print(scene, library, 64, sep="\t")
    print("ready", platform.python_version(), flush=True)
    for line in sys.stdin:
        index, threads, ms = map(int, line.split()[1:])
        print(_round(rows[index][2], threads, ms), flush=True)
