"""Which mutants a C source has.

Works on the text: comments and strings are blanked, the rest is split into
tokens, and each rule looks at tokens.  The style of src/ is relied upon:
functions begin in column 0, binary operators have a space on both sides."""

import re
from collections import Counter, namedtuple

# edits: (start, end, text) each; name: what it is, whatever its line.
Mutant = namedtuple("Mutant", "path operator line edits name")

# All mutants of these must be killed.  That memory orders are needed, and
# what else the scenarios of tests/relacy meet, is shown there.
CONCURRENCY = {"cas", "rmw", "lock", "wake", "generation"}

TOKEN = re.compile(r"[A-Za-z_]\w*|0[xX][0-9a-fA-F]+[uUlL]*|\d[\d.]*[uUlLf]*|"
                   r"->|\+\+|--|<<=|>>=|&&|\|\||<<|>>|[-+*/%&|^<>=!]=|\S")
KEYWORDS = {"return", "case", "if", "while", "for", "switch", "else", "do",
            "goto", "sizeof", "break", "continue", "default"}
CAS = re.compile(r"weir__cas_\w+|atomic_compare_exchange_\w+")
RMW = re.compile(r"(?:weir__|atomic_fetch_|atomic_)(add|sub|exchange)\w*")
WAKE = re.compile(r"\w*(_fire|_wake|_hold|cond_signal|cond_broadcast|_wakeup|"
                  r"_notify|async_send)")
LOCK = re.compile(r"(weir__mutex|pthread_mutex)_(un)?lock")
GENERATION = re.compile(r"generation|ticket|stale|\blap\b|[Ee]poch")

# Operations that are not one: another thread may come between.
TORN = """#include <sched.h>
#define mutate__torn(p, old, now)                                            \\
    ({                                                                        \\
        __typeof__(atomic_load(p)) found_ = atomic_load(p);                   \\
        int same_ = (old);                                                    \\
        sched_yield();                                                        \\
        if (same_)                                                            \\
            atomic_store(p, now);                                             \\
        found_;                                                               \\
    })
#define mutate__cas(p, e, v, ...)                                             \\
    ({                                                                        \\
        __typeof__(*(e)) had_ = *(e);                                         \\
        *(e) = mutate__torn(p, found_ == had_, v);                            \\
        *(e) == had_;                                                         \\
    })
#define mutate__add(p, v, ...) mutate__torn(p, 1, found_ + (v))
#define mutate__sub(p, v, ...) mutate__torn(p, 1, found_ - (v))
#define mutate__exchange(p, v, ...) mutate__torn(p, 1, v)
"""

SWAPS = {"relational": {"<": ["<="], "<=": ["<"], ">": [">="], ">=": [">"],
                        "==": ["!="], "!=": ["=="]},
         "arithmetic": {"+": ["-"], "-": ["+"], "*": ["/"], "/": ["*"],
                        "%": ["/"], "+=": ["-="], "-=": ["+="],
                        "++": ["--"], "--": ["++"]},
         "bits": {"&": ["|"], "|": ["&"], "^": ["|"], "<<": [">>"],
                  ">>": ["<<"], "&=": ["|="], "|=": ["&="]}}
SPACED = set("< > - * / % & | ^ +".split())


class Source:
    def __init__(self, path, text):
        self.path, self.text = path, text
        self.clean = blank(text)
        self.tokens = [(m.start(), m.group())
                       for m in TOKEN.finditer(self.clean)]
        self.where = functions(self.clean)
        self.seen = Counter()

    def string(self, i):
        return self.tokens[i][1] if 0 <= i < len(self.tokens) else ""

    def end(self, i):
        return self.tokens[i][0] + len(self.tokens[i][1])

    def closing(self, i):
        """The token that closes the bracket at i."""
        depth = 0
        while i < len(self.tokens):
            depth += {"(": 1, "[": 1, "{": 1, ")": -1, "]": -1,
                      "}": -1}.get(self.string(i), 0)
            if depth == 0:
                return i
            i += 1
        return i - 1

    def edge(self, i, step, stops):
        """From i on, the last token before a stop or the bracket around."""
        opening, closing = ("([{", ")]}") if step > 0 else (")]}", "([{")
        depth = 0
        while 0 <= i + step < len(self.tokens):
            s = self.string(i + step)
            if depth == 0 and (s in stops or s in closing):
                break
            depth += 1 if s in opening else -1 if s in closing else 0
            i += step
        return i

    def mutant(self, operator, edits):
        """Its name has the first line that changes, as {before -> after}."""
        start, end, to = edits[0]
        number = self.text.count("\n", 0, start) + 1
        first = self.text.rfind("\n", 0, start) + 1
        last = self.text.find("\n", end)
        words = " ".join(("%s{%s -> %s}%s" % (
            self.text[first:start], self.text[start:end], to,
            self.text[end:last])).split())
        name = "%s:%s: %s" % (self.path, self.where.get(number, "-"), words)
        self.seen[name] += 1
        if self.seen[name] > 1:
            name += " #%d" % self.seen[name]
        return Mutant(self.path, operator, number, edits, name)

    def swap(self, operator, first, last, to):
        return self.mutant(operator, [(self.tokens[first][0], self.end(last),
                                       to)])


def blank(text):
    """Comments, strings and preprocessor lines but #define become spaces."""
    def spaces(m):
        s = m.group()
        if s[0] in "\"'":
            return s[0] + re.sub(r"[^\n]", "_", s[1:-1]) + s[0]
        return re.sub(r"[^\n]", " ", s)
    text = re.sub(r'/\*.*?\*/|//[^\n]*|"(\\.|[^"\\])*"|\'(\\.|[^\'\\])*\'',
                  spaces, text, flags=re.S)
    text = re.sub(r"^[ \t]*#(?!\s*define\s+\w+(\([^)]*\))?[ \t]+\S).*$",
                  spaces, text, flags=re.M)
    text = re.sub(r"^[ \t]*#\s*define\s+\w+(\([^)]*\))?", spaces, text,
                  flags=re.M)
    text = re.sub(r"\\$", " ", text, flags=re.M)
    return re.sub(r"_Static_assert\(.*?\);", spaces, text, flags=re.S)


def functions(clean):
    """The function, or the object, that each line belongs to."""
    where, name, body = {}, "-", False
    for number, line in enumerate(clean.split("\n"), 1):
        if not body:
            found = re.match(r"^(?=[A-Za-z_]).*?\b(\w+)\s*[(\[={]", line)
            if found:
                name = found.group(1)
        if line.startswith("{") or re.match(r"^\S.*\{$", line):
            body = True
        where[number] = name
        if line.startswith("}"):
            body, name = False, "-"
    return where


def binary(source, i):
    s, (at, _) = source.string(i), source.tokens[i]
    if s not in SPACED:
        return True
    after = source.clean[source.end(i):source.end(i) + 1]
    before = source.clean[at - 1:at]
    previous = source.string(i - 1)
    return after in " \n" and before in " \n" and (
        previous in ")]" or re.match(r"\w", previous) is not None and
        previous not in KEYWORDS)


def swaps(source, i):
    s = source.string(i)
    for operator, table in SWAPS.items():
        if s in table and binary(source, i):
            for to in table[s]:
                yield source.swap(operator, i, i, to)
    if s in "~!" and source.string(i - 1) not in ("(", "&&", "||"):
        yield source.swap("logic" if s == "!" else "bits", i, i, "")


def numbers(source, i):
    s = source.string(i)
    if not re.match(r"\d", s):
        return
    digits = re.match(r"0[xX][0-9a-fA-F]+|[\d.]+", s).group()
    suffix = s[len(digits):]
    if "." in digits:
        to = [str(float(digits) + 1)]
    else:
        value = int(digits, 0)
        to = ["1"] if value == 0 else ["0"] if value == 1 else [
            str(value + 1)]
    for text in to:
        yield source.swap("constant", i, i, text + suffix)


def statuses(source, i):
    s = source.string(i)
    if s == "WEIR_OK":
        yield source.swap("status", i, i, "WEIR_EINVAL")
    elif re.fullmatch(r"WEIR_E[A-Z]+", s) and source.string(i - 1) != "case":
        yield source.swap("status", i, i, "WEIR_OK")


def operands(source, i):
    """Each operand of && and || replaced by what leaves the others."""
    s = source.string(i)
    if s not in ("&&", "||"):
        return
    low = {",", ";", "?", ":", "=", "return", "{", "}", "||"}
    stops = low | ({"&&"} if s == "&&" else set())
    neutral = "1" if s == "&&" else "0"
    first = source.edge(i, -1, stops)
    sides = [(i + 1, source.edge(i, 1, stops))]
    if source.string(first - 1) != s:
        sides.insert(0, (first, i - 1))
    for a, b in sides:
        text = source.clean[source.tokens[a][0]:source.end(b)]
        operator = "generation" if GENERATION.search(text) else "condition"
        yield source.swap(operator, a, b, neutral)


def conditions(source, i):
    s = source.string(i)
    if s in ("if", "while") and source.string(i + 1) == "(":
        a, b = i + 2, source.closing(i + 1) - 1
        inside = [source.string(k) for k in range(a, b + 1)]
        if "&&" in inside or "||" in inside or inside in (["1"], ["0"]):
            return
        values = ("0", "1") if s == "if" else ("0",)
    elif s == "?":
        a = source.edge(i, -1, {",", ";", "=", "return", ":", "?", "{"})
        b, values = i - 1, ("0", "1")
    else:
        return
    text = source.clean[source.tokens[a][0]:source.end(b)]
    operator = "generation" if GENERATION.search(text) else "condition"
    for value in values:
        yield source.swap(operator, a, b, value)


def statements(source, i):
    """An expression statement, break or continue left out."""
    if source.string(i - 1) not in (";", "{", "}", ")", "else", ":", "do"):
        return
    s, after = source.string(i), source.string(i + 1)
    if s in ("break", "continue") or s == "return" and after == ";":
        yield source.swap("delete", i, i + 1, ";")
        return
    if s in KEYWORDS or s == "(" or not (
            re.match(r"[A-Za-z_]", s) and
            after in ("(", "->", ".", "[", "=", "++", "--", "+=", "-=",
                      "&=", "|=", "<<=", ">>=", "*=") or s in "*"):
        return
    if source.string(i - 1) == ")" and not after_condition(source, i - 1):
        return
    last = source.edge(i, 1, {";"}) + 1
    if source.string(last) != ";":
        return
    if not LOCK.match(s):
        yield source.swap("wake" if WAKE.fullmatch(s) else "delete", i, last,
                          ";")


def after_condition(source, i):
    depth = 0
    while i >= 0:
        depth += {")": 1, "(": -1}.get(source.string(i), 0)
        if depth == 0:
            return source.string(i - 1) in ("if", "while", "for", "switch")
        i -= 1
    return False


def atomics(source, i):
    s = source.string(i)
    if source.string(i + 1) == "(" and CAS.fullmatch(s):
        yield source.swap("cas", i, i, "mutate__cas")
    elif source.string(i + 1) == "(" and RMW.fullmatch(s):
        yield source.swap("rmw", i, i, "mutate__" + RMW.fullmatch(s).group(1))


def locks(source):
    """All that a function does to one mutex, left out."""
    found = {}
    for i, (at, s) in enumerate(source.tokens):
        if LOCK.fullmatch(s) and source.string(i + 1) == "(":
            last = source.closing(i + 1)
            mutex = source.text[source.end(i + 1):source.tokens[last][0]]
            line = source.text.count("\n", 0, at) + 1
            found.setdefault((source.where[line], mutex), []).append(
                (at, source.end(last), "(void)0"))
    return [source.mutant("lock", edits) for edits in found.values()]


def mutants(path, text):
    source = Source(path, text)
    out = locks(source)
    for i in range(len(source.tokens)):
        for rule in (swaps, numbers, statuses, operands, conditions,
                     statements, atomics):
            out.extend(rule(source, i))
    return out


def apply(mutant, text):
    for start, end, to in sorted(mutant.edits, reverse=True):
        text = text[:start] + to + text[end:]
    return TORN + text if mutant.operator in ("cas", "rmw") else text
