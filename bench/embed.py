#!/usr/bin/python3
"""embed.py WORK ROUNDS N: what it costs to have Trommel inside something else, in CPU time.

WORK/ways has a line for each way: name, limit, its command, the command of its twin, parted by tabs: the twin does all that the way
does but for the pages' run, so that what a crawler, and a start, costs by itself is taken off.  Both are run in turn, ROUNDS times, with the base: the
chain called in one process.  User and system time of all processes that a command started count, also of those that outlived
their parent: this process adopts them.  Prints a JSON line a way, then a table; nothing is judged.  "ratio" is the median of the
rounds' ratios, "of least" that of the least costs: on a machine that others use it is the steadier one.
"""
import ctypes
import json
import os
import resource
import statistics
import subprocess
import sys

PR_SET_CHILD_SUBREAPER = 36


def cpu_of(command, log):
    """CPU seconds of a command and all that it started."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(["bash", "-c", command], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=log, check=False)
    while True:
        try:
            os.wait()
        except ChildProcessError:
            break
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        raise SystemExit(f"bench: status {done.returncode} of: {command}\nsee {log.name}")
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main():
    work, rounds, n = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    with open(f"{work}/ways", encoding="utf-8") as lines:
        ways = [line.rstrip("\n").split("\t") for line in lines]
    costs, own, ratios = {}, {}, {}
    with open(f"{work}/log", "w", encoding="utf-8") as log:
        for _ in range(rounds):
            base = None
            for name, _, command, twin in ways:  # the base is the first
                without = cpu_of(twin, log)
                cost = cpu_of(command, log) - without
                base = base or cost
                costs.setdefault(name, []).append(cost)
                own.setdefault(name, []).append(without)
                ratios.setdefault(name, []).append(cost / base)
    rows = [{"leg": name, "pages": n, "rounds": rounds, "own_ms": round(statistics.median(own[name]) / n * 1e3, 4),
             "ms": round(statistics.median(costs[name]) / n * 1e3, 4), "ratio": round(statistics.median(ratios[name]), 3), "ratio_of_least": round(min(costs[name]) / min(costs[ways[0][0]]), 3),
             "limit": limit} for name, limit, _, _ in ways]
    for r in rows:
        print(json.dumps(r))
    print(f"\n{'way':<34}{'ms a page':>10}{'ratio':>8}{'of least':>10}{'at most':>9}{'the host itself, ms':>21}")
    for r in rows:
        print(f"{r['leg']:<34}{r['ms']:>10.3f}{r['ratio']:>8.3f}{r['ratio_of_least']:>10.3f}{r['limit']:>9}{r['own_ms']:>21.3f}")


if __name__ == "__main__":
    main()
