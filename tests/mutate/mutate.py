#!/usr/bin/env python3
"""Mutation testing: if this line of src/ were wrong, would a test fail?

usage: mutate.py [--sample SECONDS] [--seed N] [--list] [part of a name...]
       mutate.py --seeded [part of a name...]

Tries the mutants of rules.py, or as many of them, drawn at random, as fit
into the seconds, and prints those that survive.  Fails when more than one in
twenty does (of a sample: when so many would hardly be met if it were one in
twenty), or one of the concurrency operators.  Mutants that no test can kill,
because they change nothing that a caller could see, are listed in
equivalent.txt with the reason.

What came out is kept in build/mutate, and holds until the file of the mutant,
or the test that killed it, changes; or any test, where none did.

--seeded tries the bugs of seeded.txt instead: for each entry of the catalogue
one of the tests named there must fail."""

import argparse
import math
import os
import random
import re
import shutil
import sys
import threading
import time
from collections import Counter, defaultdict
from concurrent.futures import ThreadPoolExecutor

import rules
from coverage import measure
from workshop import ROOT, Workshop, digest, here, read

UNMUTATED = {"src/base/atomic.h", "src/base/lock.h"}
KEPT = os.path.join(ROOT, "build", "mutate")


def paragraphs(path):
    """Lines that begin at the margin, and the indented ones below them."""
    heads, body = [], []
    for line in read(path).splitlines() + ["."]:
        if line.startswith("#") or not line.strip():
            continue
        if line[0] != " " and body:
            yield heads, body
            heads, body = [], []
        (body if line[0] == " " else heads).append(line.strip())


def equivalents():
    """Name of a mutant -> why nothing can kill it."""
    return {name: " ".join(reason)
            for names, reason in paragraphs("tests/mutate/equivalent.txt")
            for name in names}


def survey():
    """Function and kind -> the scenario of tests/relacy that needs it, or a
    dash where nothing can."""
    rows = [r.split() for r in read("tests/relacy/orders.txt").splitlines()]
    return {(r[0], r[2]): r[3] for r in rows if len(r) > 3}


class Results:
    """What came out, over runs: lines of state, end, killer, name."""

    def __init__(self, path, tests):
        self.path, self.known, self.lock = path, {}, threading.Lock()
        self.tests = {t.name: t.digest() for t in tests}
        self.all = digest(*sorted(self.tests.values()))
        self.texts = {}
        if os.path.exists(path):
            for line in read(path).splitlines():
                state, end, by, name = line.split("\t")
                self.known[name] = state, end, by

    def state(self, m, end, by):
        if m.path not in self.texts:
            self.texts[m.path] = digest(read(m.path))
        return digest(self.texts[m.path], {
            "killed": self.tests.get(by, ""), "survived": self.all}.get(
                end, ""))

    def get(self, m):
        state, end, by = self.known.get(m.name, ("", "", ""))
        return (end, by) if state == self.state(m, end, by) else None

    def killer(self, m):
        """By whom it was killed, if it was; that may no longer hold."""
        return self.known.get(m.name, ("", "", ""))[2]

    def put(self, m, end, by):
        with self.lock, open(self.path, "a") as f:
            print(self.state(m, end, by), end, by, m.name, sep="\t", file=f)


class Trials:
    """Tries mutants, each with the test that killed it before, and those that
    killed its neighbours, first."""

    def __init__(self, shop, coverage, results):
        self.shop, self.lock = shop, threading.Lock()
        self.results = results
        self.coverage = coverage
        self.killers = defaultdict(Counter)
        self.relacy = survey()

    def order(self, m):
        """The tests that execute its function, or all where it is in none;
        those that execute its line first.  They are not all: of an expression
        of several lines, gcov counts the lines that were needed."""
        function = m.name.split(": ")[0]
        on_line = self.coverage.lines.get("%s:%d" % (m.path, m.line), ())
        known = self.coverage.functions.get(function)
        near, far = self.killers[function], self.killers[m.path]
        words = re.split(r"[_./]", m.path)[2:-1]
        before = self.results.killer(m)
        return sorted(
            [t for t in self.shop.tests if t.name in known or
             self.is_last_resort(t, m)] if known else self.shop.tests,
            key=lambda t: (
                t.name != before, t.slow, t.seconds > 1, self.shop.is_costly(t),
                t.name not in on_line,
                -4 * near[t.name] - far[t.name],
                -sum(w in t.name for w in words), t.seconds))

    @staticmethod
    def is_last_resort(t, m):
        return t.slow and (t.name != "freeze" or "/policy/" in m.path and
                           m.operator in rules.CONCURRENCY)

    def by_relacy(self, m):
        kind = {"cas": "torn", "rmw": "torn"}.get(m.operator, m.operator)
        return self.relacy.get((re.split("[: ]+", m.name)[1], kind))

    def end(self, m):
        """killed, survived, the same (code), or broken; and by whom."""
        needed = self.coverage.objects.get(m.name.split(": ")[0])
        with self.shop.tree() as tree:
            tree.change(m.path, rules.apply(m, read(m.path)), needed)
            if not tree.compiles():
                return "broken", ""
            if tree.same_code():
                return "same", ""
            tests = self.order(m)
            for n, t in enumerate(tests):
                if t.slow and not tests[n - 1].slow and tree.same_optimised():
                    return "same", ""
                if not tree.passes(t):
                    with self.lock:
                        self.killers[m.name.split(": ")[0]][t.name] += 1
                        self.killers[m.path][t.name] += 1
                    return "killed", t.name
            if tree.same_optimised():
                return "same", ""
            by = m.operator == "lock" and self.by_tsan(tree, tests)
            return ("killed", by) if by else ("survived", "")

    @staticmethod
    def by_tsan(tree, tests):
        """As CI has it: threads that share what no lock guards any more."""
        for t in tests:
            if t.name.startswith("test_") or t.name == "stress":
                if tree.reported(t):
                    return t.name
        return ""


def table(title, rows):
    print("\n%-28s %7s %9s %11s %6s" % (title, "killed", "survived",
                                        "equivalent", "%"))
    for key, ends in sorted(rows.items()):
        tried = ends["killed"] + ends["survived"]
        print("%-28s %7d %9d %11d %6.1f" % (
            key, ends["killed"], ends["survived"], ends["equivalent"],
            100 * ends["killed"] / max(1, tried)))


def likelihood(survived, tried, share):
    """That as many or more survive, if so large a share did."""
    log = [math.lgamma(tried + 1) - math.lgamma(k + 1) -
           math.lgamma(tried - k + 1) + k * math.log(share) +
           (tried - k) * math.log(1 - share)
           for k in range(survived, tried + 1)]
    return sum(map(math.exp, log))


def report(ended, whole):
    """Prints what came out; is it good enough?"""
    by_operator, by_file = defaultdict(Counter), defaultdict(Counter)
    for m, end in ended:
        by_operator[m.operator][end] += 1
        by_file[m.path][end] += 1
    total = sum(by_file.values(), Counter())
    table("file", by_file)
    table("operator", by_operator)
    table("", {"all": total})
    survived, killed = total["survived"], total["killed"]
    subtle = sum(by_operator[o]["survived"] for o in rules.CONCURRENCY)
    print("mutate: %d of %d killed, %d of the concurrency operators survived"
          % (killed, killed + survived, subtle))
    enough = killed >= 0.95 * (killed + survived) if whole else likelihood(
        survived, killed + survived, 0.05) > 0.001
    return enough and subtle == 0


def without_mutant(shop):
    """Else all that gets so far would count as killed.  And how long they take
    where nothing is counted."""
    def one(t):
        with shop.tree() as tree:
            began = time.monotonic()
            passes = tree.passes(t)
            t.seconds = min(t.seconds, time.monotonic() - began)
            return "" if passes else t.name

    with ThreadPoolExecutor(shop.jobs) as pool:
        failing = list(filter(None, pool.map(one, shop.tests)))
    if failing:
        raise SystemExit("mutate: these fail without a mutant: " +
                         " ".join(failing))


def mutate(args, shop):
    paths = [p for p in here("src/*/*.[ch]") if p not in UNMUTATED]
    everything = [m for p in paths for m in rules.mutants(p, read(p))]
    known, names = equivalents(), {m.name for m in everything}
    stale = [n for n in known if n not in names]
    for n in stale:
        print("mutate: equivalent.txt names no mutant: " + n)
    some = [m for m in everything
            if not args.part or any(p in m.name for p in args.part)]
    if args.list:
        print("\n".join("%s %s" % (m.operator, m.name) for m in some))
        return not stale
    print("mutate: MUTATE_SEED=%d" % args.seed)
    random.Random(args.seed).shuffle(some)
    if not args.sample: # first what has to be killed
        some.sort(key=lambda m: m.operator not in rules.CONCURRENCY)
    coverage = measure(shop, os.path.join(KEPT, "coverage.json"))
    shop.prepare()
    without_mutant(shop)
    results = Results(os.path.join(KEPT, "results.txt"), shop.tests)
    trials = Trials(shop, coverage, results)
    began = time.monotonic()

    def one(m):
        if args.sample and time.monotonic() - began > args.sample:
            return m, "late"
        scenario = trials.by_relacy(m)
        if m.name in known:
            return m, "equivalent"
        relacy = scenario and scenario != "-"
        end, by = ("killed", "relacy") if relacy else results.get(m) or (
            "", "")
        if not end:
            end, by = trials.end(m)
            results.put(m, end, by)
        if end == "survived" and scenario: # orders.txt says why
            end = "equivalent"
        if end == "survived":
            print("%s:%d: %s" % (m.path, m.line, m.name), flush=True)
        if args.verbose and end == "killed":
            print("  killed by %s: %s" % (by, m.name), flush=True)
        return m, end

    with ThreadPoolExecutor(args.jobs) as pool:
        ended = list(pool.map(one, some))
    late = any(end == "late" for _, end in ended)
    good = report([e for e in ended if e[1] not in ("broken", "same",
                                                    "late")], not late)
    return good and not stale


def seeded(args, shop):
    """Each bug of seeded.txt must fail one of its entry's tests."""
    tests = {}
    for line in read("tests/catalogue.txt").splitlines():
        if line and line[0] != "#":
            entry, _, names, _ = (c.strip() for c in line.split("|"))
            tests[entry] = [n for n in names.split() if ":" in n]
    bugs = [(entry, body) for heads, body in paragraphs(
        "tests/mutate/seeded.txt") for entry in heads[0].split()]
    good = True
    for entry in sorted({e for e in tests if tests[e]} - {b for b, _ in bugs}):
        print("mutate: %s: no bug is seeded" % entry)
        good = False
    shop.prepare()
    some = [b for b in bugs if not args.part or b[0] in args.part]

    def fails_as_it_is(name):
        with shop.tree() as tree:
            return name if tree.fails(name) else ""

    def one(bug):
        entry, body = bug
        path, edits = body[0], body[1:]
        with shop.tree() as tree:
            if not tree.edit(path, edits):
                return entry, "does not apply: " + " ".join(edits)
            if not tree.compiles():
                return entry, "does not compile: " + " ".join(edits)
            # where threads race, not every run meets the bug
            found = any(tree.fails(n) for _ in range(5)
                        for n in tests.get(entry, []))
        return entry, "" if found else "not found: " + " ".join(edits)

    with ThreadPoolExecutor(args.jobs) as pool:
        names = sorted({n for b, _ in some for n in tests.get(b, [])})
        for name in filter(None, pool.map(fails_as_it_is, names)):
            print("mutate: %s fails without a bug" % name)
            good = False
        for entry, wrong in pool.map(one, some):
            if wrong:
                print("mutate: %s: %s" % (entry, wrong))
                good = False
    print("mutate: %d bugs of the catalogue seeded%s" % (
        len(some), ", all found" if good else ""))
    return good


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("--sample", type=float, default=0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, # much of it waits
                        default=3 * os.cpu_count())
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--seeded", action="store_true")
    parser.add_argument("--verbose", action="store_true")
    parser.add_argument("part", nargs="*")
    args = parser.parse_args()
    args.seed = args.seed or int(time.time()) % 1000000
    shop = Workshop(args.jobs)
    try:
        return not (seeded if args.seeded else mutate)(args, shop)
    finally:
        shutil.rmtree(shop.dir, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
