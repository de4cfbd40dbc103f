"""Copies of the tree, built once; a mutant is a change to one of them.

`make` knows what has to be compiled and linked again; afterwards the files
that are newer are replaced by those of the first build."""

import contextlib
import glob
import os
import queue
import resource
import shutil
import signal
import subprocess
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))
MAKE = ["make", "-s", "CFLAGS=-O2 -w", "B=build", "RUN="]
TABLE = "tests/scenarios/table.txt"


def here(pattern, root=ROOT):
    return sorted(os.path.relpath(p, root)
                  for p in glob.glob(os.path.join(root, pattern)))


def read(path, root=ROOT):
    with open(os.path.join(root, path)) as f:
        return f.read()


class Test:
    """What to make, and what to run then."""

    def __init__(self, name, programs, command=None, slow=False):
        self.name, self.slow, self.seconds = name, slow, 5.0
        self.programs = ["build/" + p for p in programs]
        self.command = command or self.programs[0]


def all_tests():
    for path in here("tests/unit/test_*.c"):
        name = os.path.basename(path)[:-2]
        yield Test(name, ["tests/unit/" + name])
    yield Test("scenarios", ["tests/scenarios/blocking",
                             "tests/scenarios/uv", "libweir.so"],
               "cd build/tests/scenarios && T=../../../%s && "
               "./blocking $T > a && ./uv $T > b && cmp a b && python3 "
               "../../../tests/scenarios/asyncio_driver.py ../../libweir.so "
               "$T > c && cmp a c" % TABLE)
    yield Test("unwind", ["tests/unwind"])
    yield Test("faults", ["tests/faults/faults"])
    sim = "tests/sim/sim"
    yield Test("sim", [sim], "build/%s 1 60" % sim)
    yield Test("freeze", ["freeze/freeze"])
    yield Test("unload", ["tests/unload", "libweir.so"],
               "build/tests/unload build/libweir.so 100")
    yield Test("sim-more", [sim], "build/%s 61 1000" % sim, slow=True)
    yield Test("stress", ["tests/stress/stress"],
               "build/tests/stress/stress 300000", slow=True)


def limits():
    """A bug may make a program run wild."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_AS, (24 << 30, 24 << 30))
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 26, 1 << 26))


def run(command, folder, seconds):
    """Its status, and what it said; -1 when time is over."""
    with tempfile.TemporaryFile() as said:
        child = subprocess.Popen(command, cwd=folder, preexec_fn=limits,
                                 stdin=subprocess.DEVNULL, stdout=said,
                                 stderr=said, start_new_session=True,
                                 shell=isinstance(command, str))
        try:
            status = child.wait(seconds)
        except subprocess.TimeoutExpired:
            status = -1
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
        child.wait()
        said.seek(0)
        return status, said.read().decode(errors="replace")


class Workshop:
    def __init__(self, jobs):
        self.dir = tempfile.mkdtemp(prefix="mutate-")
        self.jobs, self.trees = jobs, queue.Queue()
        self.tests = list(all_tests())

    def programs(self):
        return sorted({p for t in self.tests for p in t.programs})

    def prepare(self):
        first = os.path.join(self.dir, "0")
        shutil.copytree(ROOT, first, symlinks=True,
                        ignore=shutil.ignore_patterns(".git", "build"))
        status, said = run(MAKE + ["-j%d" % self.jobs, "lib"] +
                           self.programs(), first, 900)
        if status:
            raise SystemExit("mutate: the tests do not build\n" + said)
        for t in self.tests:
            began = time.monotonic()
            status, said = run(t.command, first, 300)
            if status:
                raise SystemExit("mutate: %s fails without a mutant\n%s" % (
                    t.name, said))
            t.seconds = time.monotonic() - began
        time.sleep(0.02)
        for n in range(self.jobs):
            copy = os.path.join(self.dir, str(n + 1))
            shutil.copytree(first, copy, symlinks=True)
            self.trees.put(Tree(copy, first))

    @contextlib.contextmanager
    def tree(self):
        tree = self.trees.get()
        try:
            yield tree
        finally:
            tree.restore()
            self.trees.put(tree)


class Tree:
    def __init__(self, root, first):
        self.root, self.first, self.changed = root, first, None

    def change(self, path, text):
        self.changed = path
        with open(os.path.join(self.root, path), "w") as f:
            f.write(text)

    def edit(self, path, edits):
        """By sed; each expression must change something."""
        text = read(path)
        for e in edits:
            done = subprocess.run(["sed", "-E", e], input=text, text=True,
                                  capture_output=True)
            if done.returncode or done.stdout == text:
                return False
            text = done.stdout
        self.change(path, text)
        return True

    def make(self, targets):
        return run(MAKE + targets, self.root, 120)[0] == 0

    def objects(self, root):
        return here("build/src/*/*.o", root)

    def compiles(self):
        return self.make(self.objects(self.first))

    def same_code(self):
        return all(
            self.bytes(self.root, o) == self.bytes(self.first, o)
            for o in self.objects(self.first))

    @staticmethod
    def bytes(root, path):
        with open(os.path.join(root, path), "rb") as f:
            return f.read()

    def passes(self, test):
        return self.make(test.programs) and run(
            test.command, self.root, 4 + 10 * test.seconds)[0] == 0

    def fails(self, name):
        """Does the named unit test fail, crash or hang?"""
        program, test = name.split(":")
        program = "build/tests/unit/" + program
        return self.make([program]) and run(
            "TEST=%s %s" % (test, program), self.root, 20)[0] != 0

    def restore(self):
        """What is newer than the first build gives way to it."""
        for base, _, files in os.walk(self.root):
            for f in files:
                mine = os.path.join(base, f)
                its = os.path.join(self.first, os.path.relpath(mine,
                                                               self.root))
                if not os.path.lexists(its):
                    os.remove(mine)
                elif os.lstat(mine).st_mtime_ns != os.lstat(its).st_mtime_ns:
                    os.remove(mine)
                    shutil.copy2(its, mine, follow_symlinks=False)
