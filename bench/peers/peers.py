"""Measures weir and its peers in one run and reports.

    peers.py PROGRAMS RESULTS ROUNDS ROUND_MS THREADS...

README.md says how the programs are spoken to.
"""

import collections
import pathlib
import select
import subprocess
import sys

import report

HERE = pathlib.Path(__file__).parent
WARM_MS = {"java": 1000, "node": 300}  # those that compile while they run
PATIENCE_S = 60

Row = collections.namedtuple("Row", "program index scene library threads")


class Lost(Exception):
    """A program has died, hangs or found wrong results."""


class Program:
    """One language, started once."""

    def __init__(self, language, path):
        self.language = language
        self.process = subprocess.Popen(
            [path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0)
        self.rows = []
        while (line := self.read()).count("\t") == 2:
            scene, library, threads = line.split("\t")
            self.rows.append(
                Row(self, len(self.rows), scene, library, int(threads)))
        self.version = line.removeprefix("ready ")

    def read(self):
        ready, _, _ = select.select([self.process.stdout], [], [], PATIENCE_S)
        line = self.process.stdout.readline() if ready else b""
        if not line:
            raise Lost(f"{self.language}: no answer")
        return line.decode().rstrip("\n")

    def ask(self, row, threads, ms):
        """ns per call of a thread, measured for so long."""
        self.process.stdin.write(
            f"run {row.index} {threads} {ms}\n".encode())
        answer = self.read()
        try:
            return float(answer)
        except ValueError:
            raise Lost(f"{row.scene}, {row.library}: {answer}") from None

    def stop(self):
        self.process.stdin.close()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def start(folder):
    """Starts what is there, one after the other; says what is not."""
    for language in sorted(p.name for p in HERE.iterdir() if p.is_dir()):
        path = folder / language / "run"
        if path.exists():
            yield Program(language, path.absolute())
        elif (HERE / language / "build.sh").exists():
            print(f"{language} is skipped: see make bench-deps")


def measure(rows, rounds, ms, thread_counts):
    """All rows in turn, so that drift hits all alike."""
    for row in rows:
        row.program.ask(row, 1, WARM_MS.get(row.program.language, ms))
    samples = {row: collections.defaultdict(list) for row in rows}
    for number in range(rounds):
        print(f"\rround {number + 1} of {rounds}", end="", file=sys.stderr,
              flush=True)
        for threads in thread_counts:
            for row in rows:
                if threads <= row.threads:
                    samples[row][threads].append(
                        row.program.ask(row, threads, ms))
    print(file=sys.stderr)
    return samples


def main(folder, results, rounds, ms, *thread_counts):
    programs = []
    try:
        for program in start(pathlib.Path(folder)):
            programs.append(program)
        rows = report.in_order([row for p in programs for row in p.rows])
        samples = measure(rows, int(rounds), int(ms),
                          [int(t) for t in thread_counts])
    except Lost as lost:
        sys.exit(f"peers: {lost}")
    finally:
        for program in programs:
            program.stop()
    report.write(pathlib.Path(results), samples, int(rounds), int(ms))


main(*sys.argv[1:])
