"""The table, JSON and chart of what peers.py has measured."""

import datetime
import json
import os
import pathlib
import platform
import re
import shutil
import statistics
import subprocess

HERE = pathlib.Path(__file__).parent
SCENES = {
    "call": "the body alone: the floor of each language",
    "retry": "retry, success at once",
    "retry-fail": "retry, 3 failing attempts without delay",
    "breaker": "breaker, consecutive, success",
    "breaker-count": "breaker, window of 100 calls, success",
    "breaker-count-1": "breaker, window of 100 calls, 1 % fail",
    "breaker-time": "breaker, window of 10 s, success",
    "breaker-timed": "breaker, window of 10 s, each call timed",
    "breaker-open": "breaker, open, rejects",
    "bulkhead": "bulkhead, free",
    "bulkhead-full": "bulkhead, full, rejects",
    "timeout": "timeout of 1 s",
    "pipeline-3": "timeout > retry > breaker",
    "pipeline-5": "timeout > retry > breaker > bulkhead > timeout",
    "bucket-empty": "token bucket, empty, refuses",
}
MANIFESTS = ("go/go.mod", "rust/Cargo.toml", "java/pom.xml",
             "node/package.json", "python/requirements.txt")


def in_order(rows):
    """By scene; weir, which comes from C, before its peers."""
    scenes = list(SCENES)
    return sorted(rows, key=lambda row: (scenes.index(row.scene),
                                         row.program.language))


def version(row):
    """Of a language as it says, of a library as it is pinned."""
    if row.scene == "call":
        return row.program.version
    name = re.escape(row.library.split()[0])
    for manifest in MANIFESTS:
        pin = re.search(rf"\b{name}\W(?:.{{0,40}}?)(\d+(?:\.\d+)+)",
                        (HERE / manifest).read_text(), re.DOTALL)
        if pin and manifest.startswith(row.program.language):
            return pin[1]
    return ""


def output(*command):
    try:
        return subprocess.run(command, capture_output=True, text=True,
                              cwd=HERE).stdout.strip()
    except OSError:
        return ""


def machine():
    cpu = ""
    if pathlib.Path("/proc/cpuinfo").exists():
        text = pathlib.Path("/proc/cpuinfo").read_text()
        cpu = (re.findall(r"model name\s*: (.*)", text) or [""])[0]
    return {"cpu": cpu, "cores": os.cpu_count(),
            "system": f"{platform.system()} {platform.release()}",
            "date": datetime.date.today().isoformat(),
            "commit": output("git", "describe", "--always", "--dirty")}


def summary(samples):
    """A list of rows of plain values; times in ns per call of a thread."""
    base, lines = {}, []
    for row, by_threads in samples.items():
        line = {"scene": row.scene, "library": row.library,
                "language": row.program.language, "version": version(row),
                "threads": {}}
        for threads, ns in by_threads.items():
            median = statistics.median(ns)
            # weir comes first in its scene; in the first, C does
            first = base.setdefault((row.scene, threads), median)
            line["threads"][threads] = {
                "median": median, "ratio": median / first, "min": min(ns),
                "p90": sorted(ns)[len(ns) * 9 // 10]}
        lines.append(line)
    return lines


def number(x):
    return f"{x:.{2 if x < 10 else 1 if x < 100 else 0}f}"


def table(lines, about, rounds, ms):
    counts = sorted({t for line in lines for t in line["threads"]})
    text = [f"{about['cpu']}, {about['cores']} cores, {about['system']},"
            f" {about['date']}, {about['commit']}",
            f"median of {rounds} rounds of {ms} ms: ns per call of a thread,"
            " all threads on one shared",
            "handle, and how many times weir's; of 1 thread also min and p90",
            "", f"{'threads':34}{counts[0]:>9}{'x':>7}{'min':>8}{'p90':>8}"
            + "".join(f"{t:>9}{'x':>7}" for t in counts[1:])]
    scene = None
    for line in lines:
        if line["scene"] != scene:
            scene = line["scene"]
            text += ["", SCENES[scene]]
        name = f"  {line['library']} {line['version']}"
        cells = ""
        for i, threads in enumerate(counts):
            at = line["threads"].get(threads)
            if at:
                cells += f"{number(at['median']):>9}{number(at['ratio']):>7}"
            if at and i == 0:
                cells += f"{number(at['min']):>8}{number(at['p90']):>8}"
        text.append(f"{name[:33]:34}{cells}")
    return "\n".join(text) + "\n"


def points(lines, threads):
    """What the chart shows; the best peer of a scene is named."""
    best = {}
    for line in lines:
        at = line["threads"].get(threads)
        if at and line["library"] != "weir":
            best.setdefault(line["scene"], []).append(at["median"])
    for line in lines:
        at = line["threads"].get(threads)
        if not at:
            continue
        scene, library = line["scene"], line["library"]
        named = library != "weir" and at["median"] == min(best[scene])
        yield (threads, "weir" if library == "weir" else line["language"],
               at["median"], list(SCENES).index(scene),
               SCENES[scene] if threads == 1 else "",
               library if named and scene != "call" else "")


def chart(lines, results):
    with open(results / "peers.dat", "w") as data:
        for threads in (1, 2):
            for point in points(lines, threads):
                print(*point, sep="\t", file=data)
    if not shutil.which("gnuplot"):
        print("no gnuplot here: no chart")
        return
    drawn = subprocess.run(["gnuplot", "-e", f"results='{results}'",
                            HERE / "chart.gp"], capture_output=True, text=True)
    if drawn.returncode:
        print(drawn.stderr)


def write(results, samples, rounds, ms):
    results.mkdir(parents=True, exist_ok=True)
    about, lines = machine(), summary(samples)
    text = table(lines, about, rounds, ms)
    (results / "peers.txt").write_text(text)
    (results / "peers.json").write_text(json.dumps(
        {**about, "rounds": rounds, "round_ms": ms, "rows": lines}, indent=1))
    chart(lines, results)
    print(text, f"also in {results}: peers.txt, .json, .svg", sep="\n")
