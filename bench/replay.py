#!/usr/bin/env python3
"""replay.py BUILD WARC WORK ROUNDS: measures `trommel replay` for replay.sh and prints a JSON line a leg, then a table.

none    pages a second (wall) of the chain `none`, as a part of those of warc_bare: unpacking and reading HTTP, nothing else.
        CPU time of both is printed beside it: on a machine that others use, the wall says little.
chain   CPU time of the default chain with --workers 1, all processes, less warc_bare's, as a ratio to the chain called in
        one process (warc_bare -c, less warc_bare).
memory  the host's resident size while it replays: its largest in each half of the file.
The legs are run in turn, ROUNDS times; medians, and the least of each."""
import json
import os
import resource
import statistics
import subprocess
import sys
import time


def run(command, log, watch=None):
    """Wall and CPU seconds of a command and all that it waited for."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log) as child:
        sizes = watch(child) if watch else []
        out = child.stdout.read()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if child.returncode:
        raise SystemExit(f"bench: status {child.returncode} of {' '.join(command)}; see {log.name}")
    return time.monotonic() - start, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, out, sizes


def resident(child):
    sizes = []
    while child.poll() is None:
        try:
            with open(f"/proc/{child.pid}/statm", encoding="ascii") as f:
                sizes.append(int(f.read().split()[1]) * os.sysconf("SC_PAGESIZE"))
        except OSError:
            break
        time.sleep(0.02)
    return sizes


def main():
    build, warc, work, rounds = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])
    walls, cpus, sizes, n = {}, {}, [], 0
    with open(f"{work}/log", "w", encoding="utf-8") as log:
        for i in range(rounds):
            legs = {
                "bare": [f"{build}/bench/warc_bare", warc],
                "none": [f"{build}/trommel", "replay", "--job", f"{work}/none{i}", "--chain", "none", "--out", "null:", "--no-progress", warc],
                "bare and chain": [f"{build}/bench/warc_bare", "-c", warc],
                "replay": [f"{build}/trommel", "replay", "--job", f"{work}/full{i}", "--workers", "1", "--out", "null:", "--no-progress", warc],
            }
            for name, command in legs.items():
                wall, cpu, out, seen = run(command, log, resident if name == "replay" else None)
                walls.setdefault(name, []).append(wall)
                cpus.setdefault(name, []).append(cpu)
                if name == "bare":
                    n = json.loads(out)["pages"]
                if seen and len(seen) > 1:
                    sizes.append((max(seen[: len(seen) // 2]), max(seen[len(seen) // 2:])))
    ratios = [(r - b) / (c - b) for b, c, r in zip(cpus["bare"], cpus["bare and chain"], cpus["replay"])]
    least = {name: min(v) for name, v in cpus.items()}
    rows = [
        {"leg": "replay, chain none", "pages": n, "rounds": rounds, "bare_pages_s": round(n / statistics.median(walls["bare"])),
         "pages_s": round(n / statistics.median(walls["none"])),
         "ratio": round(statistics.median([b / w for b, w in zip(walls["bare"], walls["none"])]), 3),
         "ratio_of_least": round(min(walls["bare"]) / min(walls["none"]), 3), "at_least": 0.9,
         "bare_cpu_ms": round(least["bare"] / n * 1e3, 4), "cpu_ms": round(least["none"] / n * 1e3, 4)},
        {"leg": "replay, default chain", "pages": n, "rounds": rounds,
         "chain_ms": round((least["bare and chain"] - least["bare"]) / n * 1e3, 4),
         "ms": round((least["replay"] - least["bare"]) / n * 1e3, 4), "ratio": round(statistics.median(ratios), 3),
         "ratio_of_least": round((least["replay"] - least["bare"]) / (least["bare and chain"] - least["bare"]), 3), "at_most": 1.1},
        {"leg": "replay, memory of the host", "pages": n, "first_half_mib": round(max(a for a, _ in sizes) / 2**20, 1) if sizes else None,
         "second_half_mib": round(max(b for _, b in sizes) / 2**20, 1) if sizes else None},
    ]
    for row in rows:
        print(json.dumps(row))
    print(f"\n{'leg':<28}{'ratio':>8}{'of least':>10}{'limit':>10}")
    for row in rows[:2]:
        print(f"{row['leg']:<28}{row['ratio']:>8.3f}{row['ratio_of_least']:>10.3f}{row.get('at_least', row.get('at_most')):>10}")


if __name__ == "__main__":
    main()
