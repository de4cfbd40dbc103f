"""Which tests execute which function and line of src/, and in which objects:
the functions of headers are in many.  By gcov, kept for as long as src/ and
the test stay as they are."""

import functools
import json
import os
import resource
import subprocess
from collections import defaultdict

import rules
from workshop import digest, here, make_with, read, run

# Whether, and not how often: threads need not count one after the other.
MAKE = make_with("-O0 --coverage -fprofile-update=single")


class Coverage:
    def __init__(self):
        # path and function, or path and line -> tests
        self.functions, self.lines = defaultdict(set), defaultdict(set)
        self.objects = defaultdict(set)  # path and function -> objects

    def add(self, test, functions, lines):
        for key, objects in functions.items():
            self.functions[key].add(test)
            self.objects[key].update(objects)
        for key in lines:
            self.lines[key].add(test)


@functools.lru_cache(None)
def function_at(path):
    """Line -> function, as rules.py has it: where a test compiles the source
    a second time, it may have another name."""
    return rules.functions(rules.blank(read(path)))


def of_file(told, path, name, functions, lines):
    for f in told["functions"]:
        if f["execution_count"]:
            functions["%s:%s" % (path, function_at(path).get(
                f["start_line"], f["name"]))].add(name)
    for line in told["lines"]:
        if line["count"]:
            lines.add("%s:%d" % (path, line["line_number"]))


def taken(root):
    """Takes what a run has left: functions with objects, lines."""
    notes = [os.path.join(base, f) for base, _, files in os.walk(
        os.path.join(root, "build")) for f in files if f.endswith(".gcda")]
    said = subprocess.run(["gcov", "--json-format", "--stdout"] + notes,
                          cwd=root, capture_output=True, text=True).stdout
    functions, lines = defaultdict(set), set()
    for line in said.splitlines():
        told = json.loads(line)
        name = os.path.relpath(told["data_file"], root)[:-len("gcda")] + "o"
        for f in told["files"]:
            path = os.path.normpath(f["file"])
            if path.startswith("src/"):
                of_file(f, path, name, functions, lines)
    for n in notes:
        os.remove(n)
    return {k: sorted(v) for k, v in functions.items()}, sorted(lines)


# A program of unit tests that takes longer is asked test by test.
LONG = 0.3


def used():
    """Seconds that children have computed."""
    r = resource.getrusage(resource.RUSAGE_CHILDREN)
    return r.ru_utime + r.ru_stime


class Measuring:
    """Runs tests that are not known yet, in a build that counts."""

    def __init__(self, shop, kept):
        self.shop, self.kept, self.root = shop, kept, None
        self.src = digest(*(p + read(p) for p in here("src/*/*.[ch]")))
        self.known = {}
        if os.path.exists(kept):
            with open(kept) as f:
                self.known = json.load(f)

    def run(self, t):
        """State, seconds, functions with objects, lines."""
        state = digest(self.src, t.digest())
        if self.known.get(t.name, [""])[0] != state:
            if not self.root:
                self.root = self.shop.copy("coverage")
                self.shop.make(MAKE, self.root, [
                    "lib"] + self.shop.programs(slow=False))
            began = used()
            status, said = run(t.command, self.root, 600)
            if status:
                raise SystemExit("mutate: %s fails without a mutant\n%s" % (
                    t.name, said))
            took = used() - began
            self.known[t.name] = [state, took, *taken(self.root)]
        t.seconds = self.known[t.name][1]
        return self.known[t.name]

    def save(self):
        if self.root:
            os.makedirs(os.path.dirname(self.kept), exist_ok=True)
            with open(self.kept, "w") as f:
                json.dump(self.known, f)


def measure(shop, kept):
    """The coverage of the shop's tests but the slow ones, kept in a file; long
    ones become several."""
    measuring, coverage = Measuring(shop, kept), Coverage()
    tests = []
    for t in shop.tests:
        some = [t]
        if not t.slow and measuring.run(t)[1] > LONG:
            some = list(t.parts()) or some
        for p in some:
            if not t.slow:
                coverage.add(p.name, *measuring.run(p)[2:])
        tests += some
    measuring.save()
    shop.tests = tests
    return coverage
