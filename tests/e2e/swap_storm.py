#!/usr/bin/env python3
"""A crawl whose chain is changed all the time: swaps, options, removals, rollbacks, and candidates nobody wants.

    swap_storm.py --build DIR [--pages N] [--changes N] [--interval S] [--bytes N] [--seed N] [--baseline] [--work DIR]

Starts the test server and a crawl of N generated pages over loopback, and makes changes over the control socket, one
every S seconds (0: as soon as the last was answered); a quarter of them are candidates that crash when loaded, crash or
loop on a page, leak, are slow, refuse, or are of another ABI.  One page is held back by a gate until all changes were
made, so the crawl cannot end before.  Then every record is read: no page may be lost, be there twice, or carry the
marks of two generations.  With --baseline the same crawl runs without changes first, for the ratio of speeds.

Prints `ok - …` and `not ok - …` lines, and one line of JSON with the figures.  Exit status 0 if all are ok."""
import argparse, collections, json, os, random, shutil, signal, socket, statistics, subprocess, sys, tempfile, time, urllib.request

BAD = ["ctor", "abi", "refuse", "crash", "crash-rare", "loop", "loop-rare", "leak", "slow", "error"]
failed = False


def claim(good, text, got=""):
    global failed
    print(("ok - " if good else "not ok - ") + text + ("" if good or got == "" else f": {got}"), flush=True)
    failed |= not good


class Control:
    """The control socket of a job, one request at a time."""

    def __init__(self, job):
        self.socket = socket.socket(socket.AF_UNIX)
        here = os.open(job, os.O_PATH)
        self.socket.connect(f"/proc/self/fd/{here}/control.sock")
        os.close(here)
        self.lines = self.socket.makefile("r", encoding="utf-8")

    def ask(self, cmd, **fields):
        self.socket.sendall((json.dumps({"v": 1, "cmd": cmd, **fields}) + "\n").encode())
        for line in self.lines:
            answer = json.loads(line)
            if "ok" in answer:
                return answer
        raise EOFError("the crawl has ended")


class Cpu:
    """How busy all cores were since."""

    @staticmethod
    def now():
        with open("/proc/stat", encoding="ascii") as f:
            ticks = [int(n) for n in f.readline().split()[1:9]]
        return sum(ticks), ticks[3] + ticks[4]

    def __init__(self):
        self.start = self.now()

    def busy(self):
        total, idle = (b - a for a, b in zip(self.start, self.now()))
        return 1 - idle / total if total else 0.0


class Crawl:
    """The test server and a crawl of its generated site."""

    def __init__(self, args, work, name):
        self.job = os.path.join(work, name)
        self.args = args
        self.server = subprocess.Popen([f"{args.build}/test/server"], stdout=subprocess.PIPE, text=True)
        self.address = ":".join(self.server.stdout.readline().split()[1:3])
        config = os.path.join(work, name + ".yaml")
        with open(config, "w", encoding="utf-8") as f:
            f.write(f"chain:\n  - {args.build}/test/plugin/stamp_a.so\n  - layout\n  - boilerplate\n"
                    f"  - {args.build}/test/plugin/stamp_b.so\n")
        self.log = open(os.path.join(work, name + ".log"), "w", encoding="utf-8")
        site = f"http://{self.address}/t/gen?site=storm&page=0&links=20&pages={args.pages}&bytes={args.bytes}&ms=0"
        self.started, self.cpu = time.monotonic(), Cpu()
        self.process = subprocess.Popen(
            [f"{args.build}/trommel", "crawl", "-c", config, "--job", self.job, "--allow-private", "--delay", "0",
             "--per-host", "64", "--ignore-robots", "--no-progress", "--timeout", "3600", "--stage-budget", "100", "--page-budget", "5000",
             *(["--worker-memory", "268435456"] if not args.sanitized else []), site,
             f"http://{self.address}/t/gen?site=gate&page=0&links=0&pages=1&bytes=100&ms=0&gate=end"],
            stdout=self.log, stderr=self.log)

    def control(self):
        """Waits until the crawl answers."""
        until = time.monotonic() + 120
        while True:
            try:
                control = Control(self.job)
                control.ask("status")
                return control
            except (OSError, EOFError):
                if self.process.poll() is not None or time.monotonic() > until:
                    sys.exit(f"the crawl does not answer; see {self.log.name}")
                os.sched_yield()

    def release(self):
        urllib.request.urlopen(f"http://{self.address}/t/open?gate=end").read()

    def end(self):
        status = self.process.wait(timeout=3600)
        self.seconds, self.busy = time.monotonic() - self.started, self.cpu.busy()
        self.server.send_signal(signal.SIGTERM)
        self.server.wait(timeout=60)
        self.log.close()
        return status


class Storm:
    """Changes, and what the chain should be after each."""

    def __init__(self, args, work, control):
        self.args, self.work, self.control = args, work, control
        self.random = random.Random(args.seed)
        self.n, self.made, self.refused, self.bad = 0, collections.Counter(), collections.Counter(), 0
        self.calm = 0  # changes that can be taken back without a bad candidate coming back
        self.hashes, self.waits, self.times = {}, [], collections.defaultdict(list)
        self.look()

    def look(self):
        """What the live chain is said to be: by its hash, the tag of each stamp that is in it."""
        chain = self.control.ask("stages")["result"]
        self.ids = [stage["id"] for stage in chain["stages"]]
        self.hashes[chain["hash"]] = {s["id"]: s["options"].get("tag", "none") for s in chain["stages"] if s["id"].startswith("stamp-")}

    def file_of(self, plugin):
        """A copy with other bytes: another hash, for what is blocked is blocked by it."""
        self.n += 1
        path = os.path.join(self.work, f"{plugin}-{self.n}.so")
        shutil.copyfile(f"{self.args.build}/test/plugin/{plugin}.so", path)
        with open(path, "ab") as f:
            f.write(b"\0storm %d" % self.n)
        os.chmod(path, 0o755)
        return path

    def bad_one(self):
        kind = self.random.choice(BAD)
        self.bad += 1
        if kind in ("ctor", "abi"):
            return kind, dict(cmd="stage.add", file=self.file_of({"ctor": "ctor", "abi": "other_major"}[kind]))
        how, _, rare = kind.partition("-")
        sets = [f"how={how}", f"every={400 if rare else 5 if how == 'error' else 1}", "slow_us=8000"]
        return kind, dict(cmd="stage.add", file=self.file_of("candidate"), set=sets)

    def good_one(self):
        there = [i for i in ("stamp-a", "stamp-b") if i in self.ids]
        gone = [i for i in ("stamp-a", "stamp-b") if i not in self.ids]
        kind = self.random.choice(["set", "set", "set", "replace", "replace", "reorder"] + ["rollback"] * (self.calm > 0) + ["remove"] * (len(there) == 2) + ["add", "add"] * bool(gone))
        self.n += 1
        some = self.random.choice(there)
        if kind == "set":
            return kind, dict(cmd="stage.set", id=some, set=[f"tag=t{self.n}"])
        if kind == "replace":
            return kind, dict(cmd="stage.replace", id=some, file=self.file_of(some.replace("-", "_")), set=[f"tag=t{self.n}"])
        if kind == "remove":
            return kind, dict(cmd="stage.remove", id=some)
        if kind == "add":
            return kind, dict(cmd="stage.add", file=self.file_of(gone[0].replace("-", "_")), set=[f"tag=t{self.n}"])
        if kind == "reorder":
            return kind, dict(cmd="reorder", ids=self.random.sample(self.ids, len(self.ids)))
        return kind, dict(cmd="rollback")

    def change(self, i):
        self.look()
        if "candidate" in self.ids:  # one that looked well for as long as it was watched
            kind, request = "cure", dict(cmd="stage.remove", id="candidate")
        else:
            kind, request = self.bad_one() if i % 4 == 3 else self.good_one()
        if "ids" in request and sorted(request["ids"]) != sorted(self.ids):
            request["ids"] = self.ids
        start = time.monotonic()
        answer = self.control.ask(**request, policy=dict(zip(("probation_pages", "probation_ms"), map(int, self.args.probation.split(",")))))
        self.waits.append(time.monotonic() - start)
        (self.made if answer["ok"] else self.refused)[kind] += 1
        if answer["ok"]:
            self.calm = 0 if kind == "cure" else self.calm + (-1 if kind == "rollback" else 1)
        if not answer["ok"] and kind not in BAD and os.environ.get("STORM_DEBUG"):
            print("#", kind, answer["error"]["text"])
        self.look()

    def run(self):
        start = time.monotonic()
        for i in range(self.args.changes):
            self.change(i)
            wait = start + (i + 1) * self.args.interval - time.monotonic()
            if wait > 0:
                time.sleep(wait)  # the pace that was asked for
        self.seconds = time.monotonic() - start
        self.history = self.control.ask("history")["result"]


def records(args, crawl, *options):
    cat = subprocess.Popen([f"{args.build}/trommel", "cat", *options, crawl.job], stdout=subprocess.PIPE, text=True)
    for line in cat.stdout:
        yield json.loads(line)
    cat.wait(timeout=60)


def check(args, crawl, storm):
    seen, mixed, unknown, generations = collections.Counter(), [], 0, {}
    for r in records(args, crawl):
        seen[r["url"]] += 1
        chain = r["chain"]
        same = generations.setdefault(chain["generation"], chain["hash"]) == chain["hash"]
        tags = {i: v["tag"] for i, v in (r.get("x") or {}).items() if i.startswith("stamp-")}
        if chain["hash"] in storm.hashes:
            same &= tags == storm.hashes[chain["hash"]]
        else:
            unknown += 1
        same &= {s["id"] for s in chain["stages"] if s["id"].startswith("stamp-")} == set(tags)
        if not same:
            mixed.append((r["url"], chain["generation"], tags))
    dead = list(records(args, crawl, "--dead"))
    lost = args.pages + 1 - len(seen)
    claim(lost == 0, f"pages lost: 0 of {args.pages + 1}", f"{lost} ({len(dead)} in the dead letters)")
    claim(not dead, "none is in the dead letters", [(d["url"], d["error"]) for d in dead[:3]])
    claim(max(seen.values()) == 1, "pages twice: 0", [u for u, n in seen.items() if n > 1][:3])
    claim(not mixed, "pages with the marks of two generations: 0", f"{len(mixed)}: {mixed[:3]}")
    claim(unknown <= len(seen) / 2, "the chain of most records is one that was asked about", unknown)
    return len(seen), len(generations), unknown


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--build", default="build")
    parser.add_argument("--pages", type=int, default=6000)
    parser.add_argument("--changes", type=int, default=24)
    parser.add_argument("--interval", type=float, default=0)
    parser.add_argument("--bytes", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--probation", default="1000000,3600000", help="pages,ms: longer than any change takes, no candidate settles")
    parser.add_argument("--baseline", action="store_true")
    parser.add_argument("--sanitized", action="store_true", help="no limit of address space")
    parser.add_argument("--work")
    args = parser.parse_args()
    args.build = os.path.realpath(args.build)
    work = args.work or tempfile.mkdtemp(prefix="trommel-storm.")
    os.makedirs(work, exist_ok=True)
    os.chmod(work, 0o755)
    try:
        figures = {}
        if args.baseline:
            calm = Crawl(args, work, "calm")
            calm.control()
            calm.release()
            claim(calm.end() == 0, "the crawl without changes ends well")
            figures |= {"calm_pages_s": round(args.pages / calm.seconds, 1), "calm_busy": round(calm.busy, 3)}
        crawl = Crawl(args, work, "storm")
        storm = Storm(args, work, crawl.control())
        storm.run()
        crawl.release()
        status = crawl.end()
        claim(status == 0, "the crawl ends well", status)
        n, generations, unknown = check(args, crawl, storm)
        claim(sum(storm.made.values()) + sum(storm.refused.values()) == args.changes, f"each of {args.changes} changes was answered")
        gate_kept = [k for k in ("ctor", "abi", "refuse", "crash", "loop") if storm.made[k]]
        claim(not gate_kept, "no candidate that fails when loaded or on every page went live", gate_kept)
        figures |= {"pages": n, "changes": args.changes, "bad": storm.bad, "changes_s": round(args.changes / storm.seconds, 2),
                    "live": dict(storm.made), "refused": dict(storm.refused), "generations": generations, "unknown": unknown,
                    "storm_pages_s": round(args.pages / crawl.seconds, 1), "storm_busy": round(crawl.busy, 3),
                    "answer_ms_median": round(statistics.median(storm.waits) * 1000, 1)}
        if args.baseline:
            figures["ratio"] = round(figures["storm_pages_s"] / figures["calm_pages_s"], 3)
        print(json.dumps(figures))
    finally:
        if not args.work:
            shutil.rmtree(work, ignore_errors=True)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
