#!/usr/bin/env python3
"""Branches and conditions of src/ that the tests do not show.

usage: coverage.py EXPORT

EXPORT is what llvm-cov says of all test programs.  A header's function is
there once for each file that includes it, and a source twice that is compiled
once more, so an outcome counts that any of them has seen.  Macros are looked
at where they are used: a swap that fails is an outcome of its own at each
place.

Fails unless every branch was taken both ways, and every condition of policy
and engine was shown to decide its decision on its own (MC/DC)."""

import json
import os
import sys
from collections import Counter, defaultdict

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
JUDGED = {"policy", "engine"}  # of these the conditions as well
# kinds of regions
EXPANSION = 1
CONDITION = 6


class Function:
    """One compilation of a function."""

    def __init__(self, record):
        self.record = record
        self.files = [os.path.relpath(f, ROOT) for f in record["filenames"]]
        self.expanded = {r[6]: r for r in record["regions"]
                         if r[7] == EXPANSION}

    def chain(self, file, region):
        """Where it is in the text of a macro, where that macro is used, and so
        on until it is in no macro."""
        yield file, tuple(region)
        while file in self.expanded:
            region, file = self.expanded[file][:4], self.expanded[file][5]
            yield file, tuple(region)

    def places(self):
        """Of the branches; and which of those at this place it is."""
        number = Counter()
        for b in self.record["branches"]:
            *_, (file, region) = self.chain(b[6], b[:4])
            place = self.files[file], region[:2]
            yield place + (number[place],)
            number[place] += 1

    def decisions(self):
        """The places of the conditions, and whether each was shown to
        decide."""
        conditions, judged = defaultdict(list), set()
        for b, place in zip(self.record["branches"], self.places()):
            if b[8] == CONDITION:
                for file, region in self.chain(b[6], b[:4]):
                    conditions[file].append((region, place))
        for d in self.record["mcdc_records"]:
            begin, end, shown = tuple(d[:2]), tuple(d[2:4]), d[6]
            for file, there in conditions.items():
                inside = [place for region, place in there
                          if begin <= region[:2] and region[2:] <= end]
                if (file, begin) not in judged and len(inside) == len(shown):
                    judged.add((file, begin))
                    yield from zip(inside, shown)
                    break
            else:
                raise SystemExit("coverage: %s: no conditions of a decision" %
                                 self.record["name"])


def read(path):
    """All branches, and the conditions of the floors that are judged: where
    and what, and whether it was seen."""
    branches, conditions = defaultdict(bool), defaultdict(bool)
    with open(path) as f:
        records = json.load(f)["data"][0]["functions"]
    for function in map(Function, records):
        if not function.files[0].startswith("src/"):
            continue
        for b, place in zip(function.record["branches"], function.places()):
            branches[place, "never true"] |= b[4] > 0
            branches[place, "never false"] |= b[5] > 0
        for place, shown in function.decisions():
            if place[0].split("/")[1] in JUDGED:
                conditions[place, "never decides"] |= shown
    return branches, conditions


def report(what, outcomes):
    """1 when some were not seen."""
    missing = sorted(o for o, seen in outcomes.items() if not seen)
    seen, total = len(outcomes) - len(missing), len(outcomes)
    print("%s: %.1f %% (%d of %d)" % (what, 100 * seen / total, seen, total))
    for (file, (line, column), number), outcome in missing:
        print("coverage: %s:%d:%d%s: %s" % (
            file, line, column,
            ", the one after %d" % number if number else "", outcome))
    return 1 if missing else 0


def main():
    branches, conditions = read(sys.argv[1])
    return report("branches", branches) | report("conditions", conditions)


sys.exit(main())
