"""Copies of the tree, built once; a mutant is a change to one of them.

`make` knows what has to be compiled and linked again; afterwards the files
that are newer are replaced by those of the first build.  What no test executes
of an object need not be compiled again, and who does not execute a function is
not asked about it: one build counts that (coverage.py)."""

import contextlib
import copy
import glob
import hashlib
import os
import queue
import re
import resource
import shutil
import signal
import subprocess
import tempfile
import time
from collections import defaultdict

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))
TABLE = "tests/scenarios/table.txt"


def make_with(cflags):
    """What the Makefile would find out each time is told."""
    return ["make", "-s", "CC=gcc", "CXX=g++", "CFLAGS=-w " + cflags,
            "B=build", "RUN=", "HARDENING=none"] + TOLD


def told(name, *question):
    found = subprocess.run(question, capture_output=True, text=True)
    return "%s=%s" % (name, found.stdout.strip())


TOLD = ["CORES=%d" % os.cpu_count(),
        told("UV_CFLAGS", "pkg-config", "--cflags", "libuv"),
        told("UV_LIBS", "pkg-config", "--libs", "libuv"),
        told("CMOCKA_CFLAGS", "pkg-config", "--cflags", "cmocka"),
        told("CMOCKA_LIBS", "pkg-config", "--libs", "cmocka")]


def digest(*texts):
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()[:16]


def here(pattern, root=ROOT):
    return sorted(os.path.relpath(p, root)
                  for p in glob.glob(os.path.join(root, pattern)))


def read(path, root=ROOT):
    with open(os.path.join(root, path)) as f:
        return f.read()


class Test:
    """What to make, and what to run then; sources: what it consists of."""

    def __init__(self, name, sources, programs, command=None, slow=False):
        self.name, self.slow, self.seconds = name, slow, 10.0 # it computes
        self.sources = sources
        self.programs = ["build/" + p for p in programs]
        self.command = command or self.programs[0]

    def digest(self):
        return digest(self.name, *(read(p) for p in here(self.sources)))

    def parts(self):
        """The tests of a program of unit tests, each alone."""
        if not self.name.startswith("test_"):
            return
        for name in re.findall(r"^static void (\w+)\(\s*void \*\*state\)",
                               read(self.sources), re.M):
            part = copy.copy(self)
            part.name = self.name + ":" + name
            part.command = "TEST=%s %s" % (name, self.command)
            yield part


def unit_tests():
    for path in here("tests/unit/test_*.c"):
        name = os.path.basename(path)[:-2]
        yield Test(name, path, ["tests/unit/" + name])


def other_tests():
    yield Test("scenarios", "tests/scenarios/*",
               ["tests/scenarios/blocking", "tests/scenarios/uv",
                "libweir.so"],
               "cd build/tests/scenarios && T=../../../%s && "
               "./blocking $T > a && ./uv $T > b && cmp a b && python3 "
               "../../../tests/scenarios/asyncio_driver.py ../../libweir.so "
               "$T > c && cmp a c" % TABLE)
    yield Test("unwind", "tests/unwind.cpp", ["tests/unwind"])
    yield Test("faults", "tests/faults/*", ["tests/faults/faults"])
    sim = "tests/sim/sim"
    yield Test("sim", "tests/sim/*", [sim], "build/%s 1 60" % sim)
    yield Test("between", "tests/between/*", ["between/between"])
    yield Test("unload", "tests/unload.c", ["tests/unload", "libweir.so"],
               "build/tests/unload build/libweir.so 100")
    yield Test("sim-more", "tests/sim/*", [sim], "build/%s 61 400" % sim,
               slow=True)
    yield Test("freeze", "tests/freeze/*", ["freeze/freeze"], slow=True)
    yield Test("stress", "tests/stress/*", ["tests/stress/stress"],
               "build/tests/stress/stress 100000", slow=True)


def limits(seconds, memory):
    """A bug may make a program run wild: of the time it uses, too, which does
    not depend on who else is at work."""
    def of_child():
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        if memory:
            resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
        resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 26, 1 << 26))
        if seconds:
            resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 1))
    return of_child


def computed(session):
    """Ticks that the processes of a session have computed."""
    ticks = 0
    for path in glob.glob("/proc/[0-9]*/stat"):
        with contextlib.suppress(OSError):
            with open(path) as f:
                fields = f.read().rpartition(")")[2].split()
            if fields[3] == str(session):
                ticks += sum(map(int, fields[11:15]))
    return ticks


def wait(child, seconds, idle):
    """Its status; -1 when time is over, or when it has computed nothing for so
    long: tests do not sleep."""
    began = busy = time.monotonic()
    before = 0
    while time.monotonic() < min(began + seconds, busy + idle):
        with contextlib.suppress(subprocess.TimeoutExpired):
            return child.wait(0.5)
        now = computed(child.pid)
        if now != before:
            before, busy = now, time.monotonic()
    return -1


OUT_OF_TIME = {-1, -signal.SIGXCPU, 128 + signal.SIGXCPU, -signal.SIGKILL,
               128 + signal.SIGKILL}


def run(command, folder, seconds, cpu=0, memory=24 << 30, idle=60):
    """Its status, and what it said."""
    with tempfile.TemporaryFile() as said:
        child = subprocess.Popen(command, cwd=folder,
                                 preexec_fn=limits(cpu, memory),
                                 stdin=subprocess.DEVNULL, stdout=said,
                                 stderr=said, start_new_session=True,
                                 shell=isinstance(command, str))
        status = wait(child, seconds, idle)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
        child.wait()
        said.seek(0)
        return status, said.read().decode(errors="replace")


MAKE, OPTIMISED = make_with("-O0"), make_with("-O2") + ["B=build/O2"]
TSAN = make_with("-O1 -g -fsanitize=thread") + ["B=build/tsan"]


class Workshop:
    def __init__(self, jobs):
        self.dir = tempfile.mkdtemp(prefix="mutate-")
        self.jobs, self.trees = jobs, queue.Queue()
        self.tests = list(unit_tests()) + list(other_tests())
        self.first = None
        self.commands, self.users = {}, defaultdict(list)

    def programs(self, slow=True):
        return sorted({p for t in self.tests if slow or not t.slow
                       for p in t.programs})

    def is_costly(self, test):
        """To make: not known to be made by one command."""
        return test.programs[0] not in self.commands

    def copy(self, name):
        folder = os.path.join(self.dir, name)
        shutil.copytree(ROOT, folder, symlinks=True,
                        ignore=shutil.ignore_patterns(".git", "build"))
        return folder

    def make(self, make, folder, targets):
        status, said = run(make + ["-j%d" % self.jobs] + targets, folder, 900)
        if status:
            raise SystemExit("mutate: the tests do not build\n" + said)

    def learn(self, folder):
        """How make would make objects, and programs of unit tests: starting
        it costs as much as what it then does.  And what objects are made of.
        """
        said = run(MAKE + ["-n", "-B"] + objects(folder) + self.programs(),
                   folder, 300)[1]
        for line in said.replace("\\\n", " ").splitlines():
            found = re.search(r" -o (build/(?:src|tests/unit)/\S+) ", line)
            if found:
                self.commands[found.group(1)] = line.replace(
                    " -MMD -MP", "").replace(
                    "build/libweir.a", "build/thin.a").replace(
                        "build/libweir-uv.a", "build/thin-uv.a")
        for path in here("build/src/*/*.d", folder) + here(
                "build/tests/unit/*.d", folder):
            for used in read(path, folder).split(":")[1].split():
                self.users[os.path.normpath(used)].append(path[:-1] + "o")

    def prepare(self):
        self.first = first = self.copy("0")
        self.make(MAKE, first, ["lib"] + self.programs())
        self.learn(first)
        for name, thin in archives(objects(first)).items():
            run(["ar", "rcsT", "build/" + name] + thin, first, 60)
        self.make(OPTIMISED, first, optimised(objects(first)))
        time.sleep(0.02)
        for n in range(self.jobs):
            other = os.path.join(self.dir, str(n + 1))
            shutil.copytree(first, other, symlinks=True)
            self.trees.put(Tree(other, first, self))

    @contextlib.contextmanager
    def tree(self):
        tree = self.trees.get()
        try:
            yield tree
        finally:
            tree.restore()
            self.trees.put(tree)


def objects(root):
    return here("build/src/*/*.o", root)


def archives(names):
    """Archives that only say where the objects are."""
    uv = "build/src/driver/uv.o"
    return {"thin.a": [n for n in names if n != uv], "thin-uv.a": [uv]}


def optimised(names):
    return [n.replace("build/", "build/O2/", 1) for n in names]


class Tree:
    def __init__(self, root, first, shop):
        self.root, self.first, self.shop = root, first, shop
        self.changed, self.old, self.kept = None, set(), []

    def change(self, path, text, needed=None):
        """needed: of the objects that are made of it; None: all."""
        users = self.shop.users[path]
        self.old = {u for u in users if needed is None or u in needed}
        self.changed = path
        self.kept = [w for o in users if o not in self.old
                     for w in ("-o", o)]
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

    def make(self, targets, make=None):
        return run((make or MAKE) + self.kept + targets, self.root,
                   300)[0] == 0

    def commands(self, targets):
        script = " && ".join(self.shop.commands[t] for t in targets)
        return not targets or run(script, self.root, 300)[0] == 0

    def compiles(self):
        some = sorted(o for o in self.old if o.startswith("build/src/"))
        self.old.difference_update(some)
        return self.commands(some)

    def same_code(self):
        return all(
            self.bytes(self.root, o) == self.bytes(self.first, o)
            for o in self.shop.users[self.changed]
            if o.startswith("build/src/"))

    def same_optimised(self):
        names = optimised(objects(self.first))
        return self.make(names, OPTIMISED) and all(
            self.bytes(self.root, o) == self.bytes(self.first, o)
            for o in names)

    @staticmethod
    def bytes(root, path):
        with open(os.path.join(root, path), "rb") as f:
            return f.read()

    def passes(self, test):
        t, program = test.seconds, test.programs[0]
        if program in self.shop.commands:
            own = program + ".o"
            made = self.commands([own] if own in self.old else []) and (
                self.commands([program]))
            self.old.discard(own)
        else:
            made = self.make(test.programs)
        if not made:
            return False
        for more in 1, 3: # others are at work, too
            status = run(test.command, self.root, more * (6 + 40 * t),
                         more * (1 + int(5 * t)), idle=4 * more)[0]
            if status not in OUT_OF_TIME:
                break
        return status == 0

    def reported(self, test):
        """Does the test fail under TSan?"""
        names = [p.replace("build/", "build/tsan/", 1) for p in test.programs]
        return self.make(names, TSAN) and run(
            test.command.replace("build/", "build/tsan/"), self.root,
            60 + 100 * test.seconds, 60, memory=None)[0] != 0

    def fails(self, name):
        """Does the named unit test fail, crash or hang?"""
        program, test = name.split(":")
        program = "build/tests/unit/" + program
        return self.make([program]) and run(
            "TEST=%s %s" % (test, program), self.root, 20)[0] != 0

    def restore(self):
        """What is newer than the first build gives way to it; what TSan has is
        only there once it was asked for, and stays."""
        for o in self.shop.users[self.changed]:
            with contextlib.suppress(FileNotFoundError):
                os.remove(os.path.join(self.root, o.replace(
                    "build/", "build/tsan/", 1)))
        if self.changed:
            shutil.copy2(os.path.join(self.first, self.changed),
                         os.path.join(self.root, self.changed))
        for base, folders, files in os.walk(os.path.join(self.root, "build")):
            folders[:] = set(folders) - {"tsan"}
            its = os.path.join(self.first, os.path.relpath(base, self.root))
            for f in files:
                mine, old = os.path.join(base, f), os.path.join(its, f)
                if not os.path.lexists(old):
                    os.remove(mine)
                elif os.lstat(mine).st_mtime_ns != os.lstat(old).st_mtime_ns:
                    os.remove(mine)
                    shutil.copy2(old, mine, follow_symlinks=False)
