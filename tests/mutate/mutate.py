#!/usr/bin/env python3
"""Mutation testing: if this line of src/ were wrong, would a test fail?

usage: mutate.py [--sample SECONDS] [--seed N] [--list] [part of a name...]
       mutate.py --seeded [part of a name...]

Tries the mutants of rules.py, or as many of them, drawn at random, as fit
into the seconds, and prints those that survive.  Fails when more than one in
twenty does, or one of the concurrency operators.  Mutants that no test can
kill, because they change nothing that a caller could see, are listed in
equivalent.txt with the reason.

--seeded tries the bugs of seeded.txt instead: for each entry of the catalogue
one of the tests named there must fail."""

import argparse
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
from workshop import Workshop, here, read

UNMUTATED = {"src/base/atomic.h", "src/base/lock.h"}
# So many tests are made one by one, the others at once.
LIKELY = 3


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


class Trials:
    """Tries mutants, each with the tests that killed its neighbours first."""

    def __init__(self, shop):
        self.shop, self.lock = shop, threading.Lock()
        self.killers = defaultdict(Counter)
        self.relacy = survey()

    def order(self, m):
        function = m.name.split(": ")[0]
        near, far = self.killers[function], self.killers[m.path]
        words = re.split(r"[_./]", m.path)[2:-1]
        return sorted(self.shop.tests, key=lambda t: (
            t.slow, -4 * near[t.name] - far[t.name],
            -sum(w in t.name for w in words), t.seconds))

    def by_relacy(self, m):
        kind = {"cas": "torn", "rmw": "torn"}.get(m.operator, m.operator)
        return self.relacy.get((re.split("[: ]+", m.name)[1], kind))

    def end(self, m):
        """killed, survived, the same (code), or broken; and by whom."""
        scenario = self.by_relacy(m)
        if scenario:
            return "equivalent" if scenario == "-" else "killed", "relacy"
        with self.shop.tree() as tree:
            tree.change(m.path, rules.apply(m, read(m.path)))
            if not tree.compiles():
                return "broken", ""
            if tree.same_code():
                return "same", ""
            for n, t in enumerate(self.order(m)):
                if n == LIKELY:
                    tree.make(self.shop.programs())
                if not tree.passes(t):
                    with self.lock:
                        self.killers[m.name.split(": ")[0]][t.name] += 1
                        self.killers[m.path][t.name] += 1
                    return "killed", t.name
        return "survived", ""


def table(title, rows):
    print("\n%-28s %7s %9s %11s %6s" % (title, "killed", "survived",
                                        "equivalent", "%"))
    for key, ends in sorted(rows.items()):
        tried = ends["killed"] + ends["survived"]
        print("%-28s %7d %9d %11d %6.1f" % (
            key, ends["killed"], ends["survived"], ends["equivalent"],
            100 * ends["killed"] / max(1, tried)))


def report(ended):
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
    return killed >= 0.95 * (killed + survived) and subtle == 0


def mutate(args, shop):
    paths = [p for p in here("src/*/*.[ch]") if p not in UNMUTATED]
    everything = [m for p in paths for m in rules.mutants(p, read(p))]
    known, names = equivalents(), {m.name for m in everything}
    stale = [n for n in known if n not in names]
    for n in stale:
        print("mutate: equivalent.txt names no mutant: " + n)
    some = [m for m in everything
            if not args.part or any(p in m.name for p in args.part)]
    if args.sample:
        print("mutate: MUTATE_SEED=%d" % args.seed)
        random.Random(args.seed).shuffle(some)
    if args.list:
        print("\n".join("%s %s" % (m.operator, m.name) for m in some))
        return not stale
    shop.prepare()
    trials, began = Trials(shop), time.monotonic()

    def one(m):
        if args.sample and time.monotonic() - began > args.sample:
            return m, "late"
        end, by = ("equivalent", "") if m.name in known else trials.end(m)
        if end == "survived":
            print("%s:%d: %s" % (m.path, m.line, m.name), flush=True)
        if args.verbose and end == "killed":
            print("  killed by %s: %s" % (by, m.name), flush=True)
        return m, end

    with ThreadPoolExecutor(args.jobs) as pool:
        ended = list(pool.map(one, some))
    good = report([e for e in ended if e[1] not in ("broken", "same",
                                                    "late")])
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

    some = [b for b in bugs if not args.part or b[0] in args.part]
    with ThreadPoolExecutor(args.jobs) as pool:
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
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
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
