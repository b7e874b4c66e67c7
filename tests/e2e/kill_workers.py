#!/usr/bin/env python3
"""A crawl whose workers are killed again and again.

    kill_workers.py --build DIR [--pages N] [--every N | --interval S] [--seed N] [--work DIR]

Starts the test server and a crawl of N generated pages over loopback.  One worker, chosen by chance, gets SIGKILL each
time the server has answered another --every requests, or every --interval seconds.  Then all records are read: every
page must have been delivered or quarantined after its retries, none twice.

Prints `ok - …` and `not ok - …` lines, and one line of JSON with the figures.  Exit status 0 if all are ok."""
import argparse, collections, json, os, random, shutil, signal, subprocess, sys, tempfile, threading, time

failed = False


def claim(good, text, got=""):
    global failed
    print(("ok - " if good else "not ok - ") + text + ("" if good or got == "" else f": {got}"), flush=True)
    failed |= not good


def workers_of(pid):
    """Children of the crawl that are workers, as far as they still are there."""
    found = []
    with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as f:
        for child in f.read().split():
            try:
                with open(f"/proc/{child}/comm", encoding="ascii") as comm:
                    if comm.read().startswith("trommel-worker"):
                        found.append(int(child))
            except OSError:
                pass
    return found


def kill_one(pid, chance):
    try:
        there = workers_of(pid)
        if there:
            os.kill(chance.choice(sorted(there)), signal.SIGKILL)
            return 1
    except OSError:
        pass
    return 0


def killer_by_answers(log, pid, every, chance, kills):
    answers = 0
    with open(log, encoding="utf-8", errors="replace") as lines:
        for line in lines:
            if line.startswith("E "):
                answers += 1
                if answers % every == 0:
                    kills.append(kill_one(pid, chance))


def killer_by_time(process, interval, chance, kills):
    while process.poll() is None:
        kills.append(kill_one(process.pid, chance))
        time.sleep(interval)  # the pace that was asked for


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--build", default="build")
    parser.add_argument("--pages", type=int, default=4000)
    parser.add_argument("--every", type=int, default=250)
    parser.add_argument("--interval", type=float)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--work")
    args = parser.parse_args()
    build = os.path.realpath(args.build)
    work = args.work or tempfile.mkdtemp(prefix="trommel-kill.")
    os.makedirs(work, exist_ok=True)
    os.chmod(work, 0o755)
    job, log = os.path.join(work, "job"), os.path.join(work, "log")
    os.mkfifo(log)
    reader = os.open(log, os.O_RDONLY | os.O_NONBLOCK)  # so that the server can open it
    server = subprocess.Popen([f"{build}/test/server", "--log", log], stdout=subprocess.PIPE, text=True)
    address = ":".join(server.stdout.readline().split()[1:3])
    kills, chance = [], random.Random(args.seed)
    with open(os.path.join(work, "messages"), "w", encoding="utf-8") as messages:
        crawl = subprocess.Popen(
            [f"{build}/trommel", "crawl", "--job", job, "--allow-private", "--delay", "0", "--per-host", "32",
             "--ignore-robots", "--no-progress",
             f"http://{address}/t/gen?site=kill&page=0&links=20&pages={args.pages}&bytes=2000&ms=0"],
            stdout=messages, stderr=messages)
        how = (killer_by_time, crawl, args.interval) if args.interval else (killer_by_answers, log, crawl.pid, args.every)
        killer = threading.Thread(target=how[0], args=(*how[1:], chance, kills))
        killer.start()
        if args.interval:
            drain = threading.Thread(target=lambda: [None for _ in open(log, "rb")])
            drain.start()
        os.close(reader) if args.interval else None
        status = crawl.wait(timeout=3600)
        server.send_signal(signal.SIGTERM)
        server.wait(timeout=60)
        if not args.interval:
            os.close(reader)
        killer.join(timeout=60)
    delivered, dead = collections.Counter(), collections.Counter()
    for counter, options in ((delivered, []), (dead, ["--dead"])):
        out = subprocess.run([f"{build}/trommel", "cat", *options, job], stdout=subprocess.PIPE, text=True, check=False).stdout
        counter.update(json.loads(line)["url"] for line in out.splitlines())
    claim(status in (0, 1), "the crawl ends", status)
    claim(sum(kills) > 0, "workers were killed", kills)
    claim(len(set(delivered) | set(dead)) == args.pages, f"each of {args.pages} pages is delivered or quarantined",
          len(set(delivered) | set(dead)))
    twice = [u for u, n in (delivered + dead).items() if n > 1]
    claim(not twice, "none is there twice", twice[:3])
    claim(len(dead) <= sum(kills), "no more pages are quarantined than workers were killed", len(dead))
    print(json.dumps({"pages": args.pages, "kills": sum(kills), "delivered": len(delivered), "quarantined": len(dead)}))
    if not args.work:
        shutil.rmtree(work, ignore_errors=True)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
