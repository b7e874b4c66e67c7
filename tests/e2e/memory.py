#!/usr/bin/python3
"""memory.py PID RECORDS FROM: watches the resident memory of a crawl and its workers until it ends.

Looks twenty times a second, each look ended by waiting on the process.  Prints the peak of host and of each worker up to the FROM-th page and after it;
says `flat` when neither grew by more than a tenth and 4 MiB.  The largest pages come first (nginx.sh), so growth after
them is growth with the number of pages.
"""
import glob
import os
import select
import sys

pid, folder, start = int(sys.argv[1]), sys.argv[2], int(sys.argv[3])


def rss(p):
    """Private memory (anonymous), MiB: shared rings count once and are bounded by their size."""
    try:
        for line in open(f"/proc/{p}/status"):
            if line.startswith("RssAnon:"):
                return int(line.split()[1]) / 1024
    except OSError:
        pass
    return 0.0


def children(p):
    try:
        return [int(c) for c in open(f"/proc/{p}/task/{p}/children").read().split()]
    except OSError:
        return []


def pages():
    return sum(os.path.getsize(f) for f in glob.glob(folder + "/*") if os.path.isfile(f))


end = select.poll()
end.register(os.pidfd_open(pid), select.POLLIN)
samples = []
while not end.poll(50):
    samples.append((pages(), rss(pid), max([rss(c) for c in children(pid)] or [0])))
total = samples[-1][0] if samples else 0
# The share of the bytes written stands for the share of the pages done; the first pages are the largest.
first = [s for s in samples if s[0] <= total * start / float(os.environ.get("TROMMEL_PAGES", "1400"))]
rest = [s for s in samples if s not in first]
if not first or not rest:
    print("memory: too few samples")
    sys.exit(1)


def verdict(i):
    a, b = max(s[i] for s in first), max(s[i] for s in rest)
    return a, b, b <= a * 1.1 + 4


(h0, h1, host), (w0, w1, worker) = verdict(1), verdict(2)
print(f"memory {'flat' if host and worker else 'GROWS'} after page {start}: host {h0:.0f} then {h1:.0f} MiB, largest worker {w0:.0f} then {w1:.0f} MiB ({len(samples)} samples)")
sys.exit(not (host and worker))
