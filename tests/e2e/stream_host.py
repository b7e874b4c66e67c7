#!/usr/bin/python3
"""stream_host.py BUILD WORK: a host of `trommel extract --stream`, good and bad.  The client is the one that
plugin/embed/stream/README.md prints.  Prints `ok - …` and `not ok - …` lines; exit status 0 if all are ok.

Nothing depends on time: pages wait at a gate (a FIFO) that the test opens, and what is waited for is an answer, a line of
standard error or the end of a process.
"""
import collections
import fcntl
import json
import os
import pathlib
import re
import select
import signal
import struct
import subprocess
import sys
import threading

import msgpack

README = pathlib.Path("plugin/embed/stream/README.md").read_text(encoding="utf-8")
CLIENT = re.search(r"```python\n(.*?)```", README, re.S).group(1)
exec(CLIENT[:CLIENT.index("def write_all")])  # pylint: disable=exec-used  # Stream
failed = False

# A program as a stage: what the page's URL says.
PROGRAM = r'''
import os, struct, sys, msgpack
def read():
    head = sys.stdin.buffer.read(4)
    return msgpack.unpackb(sys.stdin.buffer.read(struct.unpack(">I", head)[0])) if len(head) == 4 else None
def write(answer):
    data = msgpack.packb(answer)
    sys.stdout.buffer.write(struct.pack(">I", len(data)) + data)
    sys.stdout.buffer.flush()
read()
write({"v": 1, "type": "hello", "reasons": ["unwanted"]})
while (page := read()) is not None:
    answer, url = {"n": page["n"]}, page.get("url", "")
    if url.endswith("/gate"):
        with open("at" + sys.argv[1], "w") as at:
            at.write("x")
        with open("gate" + sys.argv[1], "rb", buffering=0) as gate:
            gate.read(1)
    if url.endswith("/drop"):
        answer["drop"] = "unwanted"
    write(answer)
'''


def claim(good, text, got=""):
    global failed
    print(("ok - " if good else "not ok - ") + text + ("" if good or got == "" else f": {got}"), flush=True)
    failed |= not good


def claim_is(text, want, got):
    claim(want == got, text, f"{got!r}, not {want!r}")


def packed(page):
    data = page if isinstance(page, bytes) else msgpack.packb(page)
    return struct.pack(">I", len(data)) + data


def body(text, links=0):
    more = "".join(f'<a href="/p{i}/{text}">link {i} of {text}</a> ' for i in range(links))
    return f"<!DOCTYPE html><title>{text}</title><p>{text} has words.</p>{more}".encode()


def page(name, links=0, **more):
    return {"id": name, "url": f"http://site.example/{name}", "headers": {"Content-Type": "text/html"},
            "body": body(name, links), **more}


def rss_anon(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as lines:
        return next(int(line.split()[1]) for line in lines if line.startswith("RssAnon:")) / 1024


def is_at_rest(pid):
    """Do it and its workers sleep, and wait for nothing but us?  A hundred looks at them that see the same."""
    def look():
        with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as children:
            statuses = [pathlib.Path(f"/proc/{p}/status").read_text(encoding="ascii") for p in (pid, *children.read().split())]
        return [re.findall(r"State:\t(.)|_switches:\t(.*)", status) for status in statuses]
    first = look()
    return all(status[0][0] == "S" for status in first) and all(look() == first for _ in range(100))


class Host:
    def __init__(self, build, work):
        self.trommel, self.work = f"{build}/trommel", pathlib.Path(work)
        self.file("empty.yaml", "chain: []\n")
        self.file("program.py", PROGRAM)
        self.n = 0  # of the gate: each stream that has one has its own, since programs of one that was killed may still be at it

    def file(self, name, text):
        (self.work / name).write_text(text, encoding="utf-8")

    def gate(self):
        """The chain whose program is at a new gate."""
        self.n += 1
        for fifo in ("at", "gate"):
            os.mkfifo(self.work / f"{fifo}{self.n}")
        chain = ("chain:\n  - stage: exec.gate\n    set: {command: /usr/bin/python3 ./program.py %d, send: url, deadline_ms: 600000, "
                 "start_ms: 50000, file_mb: 1}\n" % self.n)
        self.file("gate.yaml", chain)
        self.file("copies.yaml", chain + "  - layout\n  - boilerplate\n  - dedupe\n")

    def start(self, *options, chain="empty", **more):
        if chain in ("gate", "copies"):
            self.gate()
        return Stream(self.trommel, "extract", "--stream", "-c", self.work / f"{chain}.yaml", "--page-budget", "3600000",
                      "--stage-budget", "3600000", *options, stderr=subprocess.PIPE, **more)

    def once(self, frames, *options, **more):
        """Writes the bytes while it reads; the answers, the exit status, what was said."""
        stream = self.start(*options, **more)
        said = []
        threads = [threading.Thread(target=lambda: said.append(stream.child.stderr.read().decode())),
                   threading.Thread(target=self.write_all, args=(stream, frames))]
        for thread in threads:
            thread.start()
        answers = list(stream.answers())
        for thread in threads:
            thread.join()
        return answers, stream.child.wait(), said[0]

    @staticmethod
    def write_all(stream, frames):
        try:
            stream.child.stdin.write(frames)
            stream.close()
        except BrokenPipeError:
            pass

    def at_gate(self):
        """Waits until a page is at the gate."""
        with open(self.work / f"at{self.n}", encoding="ascii") as at:
            at.read()

    def open_gate(self):
        """For good, and for all: also for a program of a worker that was killed, if it is still there."""
        gate = os.open(self.work / f"gate{self.n}", os.O_RDWR)
        os.write(gate, b"x" * 64)

    def line(self, stream, words):
        """Reads standard error until a line has the words."""
        for line in stream.child.stderr:
            if words in line.decode():
                return line.decode()
        return ""

    # ---- what the README says

    def dumps(self):
        def octets(dump):
            return bytes.fromhex("".join(line[:49] for line in dump.splitlines()))
        asked, answer = map(octets, re.findall(r"```dump\n(.*?)```", README, re.S))
        said = subprocess.run([self.trommel, "extract", "--stream", "--chain", "none", "--out", "null:"], input=asked,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
        claim_is("the README's bytes of a page get the README's bytes of an answer", answer.hex(" "), said.stdout.hex(" "))

    def client(self):
        self.file("client.py", CLIENT)
        paths = sorted(map(str, pathlib.Path("tests/site").glob("**/*.html")))
        path = f"{os.path.dirname(self.trommel)}:{os.environ['PATH']}"
        done = subprocess.run(["/usr/bin/python3", self.work / "client.py", *paths], stdout=subprocess.PIPE, check=False,
                              stderr=subprocess.DEVNULL, env={**os.environ, "PATH": path})
        lines = done.stdout.decode().splitlines()
        claim_is("the README's client has a line for each page", paths, sorted(line.split()[0] for line in lines))
        claim_is(f"… within 30 lines ({CLIENT.count(chr(10))})", True, sum(1 for line in CLIENT.splitlines() if line.strip()) <= 30)

    # ---- pages and frames that are none

    def thousands(self):
        bad = [(b"\xc1", "bad_frame", "begins no whole value"), (b"", "bad_frame", "is empty"), ([1], "bad_frame", "is an array"),
               ({"id": "%"}, "bad_field", '"body": is missing'), ({"id": "%", "body": 7}, "bad_field", '"body": is 7'),
               ({"id": "%", "body": b"", "boddy": 1}, "bad_field", '"boddy": is no key of a page'),
               ({"id": "%", "body": b"", "url": "ftp://x/"}, "invalid_input", "ftp://x/"),
               ({"id": "%", "url": "http://site.example/", "body": b"x" * ((8 << 20) + 1)}, "too_large", "over the limit"),
               ({"id": "%", "url": "http://site.example/", "body": b"x" * (17 << 20)}, "too_large", "over the limit")]
        frames, number, pages, want = [], 0, [], {}
        for i in range(3000):
            number += 1
            pages.append(f"p{i}")
            frames.append(packed(page(f"p{i}", links=3)))
            if i % 200 == 100 and i // 200 < len(bad):
                frame, reason, words = bad[i // 200]
                number += 1
                if isinstance(frame, dict):
                    frame = {**frame, "id": f"bad{number}"}
                want[number] = (f"bad{number}" if isinstance(frame, dict) else None, reason, words)
                frames.append(packed(frame))
        answers, status, said = self.once(b"".join(frames))
        good = [a for a in answers if "error" not in a]
        claim_is("every page of thousands has one answer", sorted(pages), sorted(a["id"] for a in good))
        claim_is("… which is its record", ["http://site.example/p7", ["http://site.example/p0/p7", "link 0 of p7"], "ok"],
                 next([a["url"], [a["links"][0]["url"], a["links"][0]["text"]], a["outcome"]["code"]] for a in good if a["id"] == "p7"))
        found = {}
        for a in answers:
            if "error" in a:
                e = a["error"]
                n = int(re.match(r"frame (\d+): ", e["message"]).group(1))
                found[n] = (a["id"] if isinstance(a["id"], str) else None, e["reason"], next((w for w in [want[n][2]] if w in e["message"]), e["message"]))
                if (e["stage"], a["outcome"]) != ("stream", {"code": "failed", "reason": e["reason"]}):
                    found[n] = a
        claim_is("every frame that is no page is answered with its number, its id, what was wrong", want, found)
        claim_is("… and the exit status says that there were some", 1, status)
        claim("frame 102: " in said and "9 bad frames" in said, "… as standard error does", said[-500:])
        self.file("answers.json", "".join(json.dumps(a, default=bytes.hex) + "\n" for a in answers))
        done = subprocess.run(["/usr/bin/python3", "tests/schema/validate.py", self.work / "answers.json"], stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, check=False)
        claim(done.returncode == 0, "all answers are valid records by the schema", done.stdout.decode()[:300])

    def forms(self):
        """Whatever form headers, ids and times come in, the record is the same."""
        stored = {"url": "http://site.example/a", "body": body("a")}
        frames = [{"id": 7, "headers": "Content-Type: text/plain\r\n", **stored}, {"id": b"\x07\xff", "headers": {"content-type": ["text/plain"]}, **stored},
                  {"id": "x", "headers": [["CONTENT-TYPE", b"text/plain"]], **stored}, {"id": "y", "content_type": "text/plain", **stored},
                  {"id": "z", "headers": {"Content-Type": "text/plain", "Content-Encoding": "gzip"}, "content_encoding": "", **stored}]
        times = ["2024-05-01T14:00:00+02:00", 1714564800000, msgpack.Timestamp(1714564800, 0), "2024-05-01T12:00:00Z", "2024-05-01 12:00:00.000Z"]
        answers, status, _ = self.once(b"".join(packed({**f, "fetched_at": t, "fetch": {"ip": "192.0.2.1"}}) for f, t in zip(frames, times)), "--ordered")
        claim_is("ids come back as text", ["7", "07ff", "x", "y", "z"], [a["id"] for a in answers])
        same = {json.dumps([a["fetched_at"], a["content_type"], a["fetch"], a["outcome"]]) for a in answers}
        claim_is("headers and times of every form are understood",
                 {json.dumps(["2024-05-01T12:00:00.000Z", "text/plain", {"ip": "192.0.2.1"}, {"code": "ok", "reason": None}])}, same)
        claim_is("… and all is well then", 0, status)

    def cut(self):
        answers, status, said = self.once(packed(page("a")) + packed(page("b"))[:-3])
        claim_is("a frame that is cut off ends it with status 3", 3, status)
        claim_is("… and is answered, as what came before is", {"a": None, "b": "cut_off"},
                 {a["id"]: a["outcome"]["reason"] for a in answers})
        claim("frame 2: the input ends after " in said, "… and told", said)
        answers, status, said = self.once(packed(page("a")) + b"<html>no frame</html>" + packed(page("b")))
        claim_is("what is no frame ends it with status 3", (3, [None, "framing_lost"]),
                 (status, [a["outcome"]["reason"] for a in sorted(answers, key=lambda a: "error" in a)]))
        claim("frame 2: begins with the bytes 3c 68 74 6d" in said, "… and is told with its bytes", said)

    def usage(self):
        for options, words in ((["x.html"], "x.html: is named beside --stream"), (["--manifest", "m"], "--manifest: is named beside"),
                               (["--url", "http://a/"], "--url: is not for --stream"), (["--format", "json"], "--format: answers"),
                               (["--out", "stdout:"], "--out: stdout:"), (["--set", "nobody.x=1"], "nobody")):
            done = subprocess.run([self.trommel, "extract", "--stream", *options], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                  stderr=subprocess.PIPE, check=False)
            claim((done.returncode, done.stdout) == (2, b"") and words in done.stderr.decode(), f"--stream {' '.join(options)} is refused",
                  done.stderr.decode())

    # ---- order, deadlines, drops

    def order(self):
        mixed = packed(page("gate")) + packed(page("one")) + packed([]) + packed(page("drop"))
        stream = self.start("--workers", "2", chain="gate")
        stream.child.stdin.write(mixed)
        stream.child.stdin.flush()
        self.at_gate()
        answers = stream.answers()
        first = {(a["outcome"]["code"], a["outcome"]["reason"]) for a in (next(answers) for _ in range(3))}
        claim_is("answers come as pages finish, dropped pages and bad frames among them, while one page waits",
                 {("ok", None), ("failed", "bad_frame"), ("dropped", "unwanted")}, first)
        late = page("gate", deadline_ms=1)
        late["id"] = "late"
        stream.write(late)
        claim_is("a page over its deadline is answered while it still waits", ("late", {"code": "failed", "reason": "deadline"}),
                 next((a["id"], a["outcome"]) for a in answers))
        self.open_gate()
        claim_is("… and the one at the gate when it is let through", "gate", next(answers)["id"])
        stream.child.kill()  # the late one waits on
        stream.child.wait()

        stream = self.start("--workers", "2", "--ordered", chain="gate")
        stream.child.stdin.write(mixed)
        stream.close()
        self.at_gate()
        self.open_gate()
        claim_is("--ordered: in the order of the pages", [("gate", "ok"), ("one", "ok"), (None, "failed"), ("drop", "dropped")],
                 [(a["id"] if isinstance(a["id"], str) else None, a["outcome"]["code"]) for a in stream.answers()])
        claim_is("… to its end", 1, stream.child.wait())

    def copies(self):
        text = "".join(f"<p>Sentence {i} of a page that is there twice, with words enough to be told.</p>" for i in range(30)).encode()
        stream = self.start("-vv", "--workers", "2", "--ordered", chain="copies")
        stream.child.stdin.write(packed(page("gate", body=text)) + packed(page("copy", body=text)))
        stream.close()
        self.at_gate()
        self.line(stream, "page copy: RUNNING -> ")
        self.open_gate()
        claim_is("--ordered: of two pages that say the same the second is the copy, whichever finished first",
                 [("gate", "unique", None), ("copy", "exact", "gate")],
                 [(a["id"], a["dedupe"]["relation"], a["dedupe"].get("of")) for a in stream.answers()])
        stream.child.wait()

    # ---- back-pressure

    def pressure(self):
        stream = self.start("-v", "--workers", "2")
        child, pages = stream.child, [packed(page(f"p{i}", links=900)) for i in range(1000)]
        everything, written = memoryview(b"".join(pages)), 0
        os.set_blocking(child.stdin.fileno(), False)
        os.set_blocking(child.stderr.fileno(), False)
        said = b""

        def push():
            nonlocal written
            try:
                while written < len(everything):
                    written += os.write(child.stdin.fileno(), everything[written:written + 65536])
            except BlockingIOError:
                pass

        while written < len(everything) and b"answers wait to be read" not in said:
            push()
            for fd in select.select([child.stderr], [child.stdin], [])[0]:
                said += os.read(fd.fileno(), 65536)
        before = written
        while written < len(everything) and not is_at_rest(child.pid):
            push()
        pipe = fcntl.fcntl(child.stdin, fcntl.F_GETPIPE_SZ)
        claim(written < len(everything), "who does not read answers is stopped by the pipe", written)
        claim(written - before <= pipe, "… for good: not a byte more is taken than the pipe holds", f"{written - before} of {pipe}")
        anon = rss_anon(child.pid)
        os.set_blocking(child.stdin.fileno(), True)
        os.set_blocking(child.stderr.fileno(), True)
        threads = [threading.Thread(target=child.stderr.read), threading.Thread(target=self.write_all, args=(stream, everything[written:]))]
        for thread in threads:
            thread.start()
        ids, peak, total = collections.Counter(), anon, len(everything)
        while len(head := child.stdout.read(4)) == 4:
            record = child.stdout.read(struct.unpack(">I", head)[0])
            ids[re.search(rb"\xa2id.(p[0-9]+)\xa3url", record[:100]).group(1).decode()] += 1
            total += len(record)
            if ids.total() % 50 == 0 and ids.total() < 900:
                peak = max(peak, rss_anon(child.pid))
        for thread in threads:
            thread.join()
        claim_is("once they are read every page is answered, once", {f"p{i}": 1 for i in range(1000)}, dict(ids))
        most = total // 4 >> 20
        claim(peak < most, f"… and memory was below {most} MiB all the time, of {total >> 20} that went in and out", f"{peak:.0f} MiB")
        claim_is("… to its end", 0, child.wait())

    # ---- ends

    def worker_killed(self):
        stream = self.start("--workers", "1", chain="gate")
        stream.child.stdin.write(packed(page("one")) + packed(page("gate")) + packed(page("two")))
        stream.close()
        answers = stream.answers()
        ids = [next(answers)["id"]]
        self.at_gate()
        with open(f"/proc/{stream.child.pid}/task/{stream.child.pid}/children", encoding="ascii") as f:
            children = [int(child) for child in f.read().split()]
        workers = [pid for pid in children if b"keep" not in pathlib.Path(f"/proc/{pid}/cmdline").read_bytes()]
        os.kill(workers[0], signal.SIGKILL)
        self.at_gate()  # once more, by the next worker
        self.open_gate()
        ids += [a["id"] for a in answers]
        claim_is("a worker that is killed costs no page", (["one", "gate", "two"], 0), (ids, stream.child.wait()))

    def stopped(self):
        stream = self.start("--workers", "1", chain="gate")
        stream.child.stdin.write(packed(page("gate")) + packed(page("one")) + packed(page("two"))[:-1])
        stream.child.stdin.flush()
        self.at_gate()
        stream.child.send_signal(signal.SIGTERM)
        said = self.line(stream, "stopping: ")
        claim("2 pages" in said, "SIGTERM says what is under way", said)
        self.open_gate()
        claim_is("… what was taken whole is answered", ["gate", "one"], [a["id"] for a in stream.answers()])
        claim_is("… and it ends while its input is open", 0, stream.child.wait())

        stream = self.start("--workers", "1", chain="gate")
        stream.child.stdin.write(packed(page("gate")))
        stream.child.stdin.flush()
        self.at_gate()
        stream.child.send_signal(signal.SIGINT)
        self.line(stream, "stopping: ")
        stream.child.send_signal(signal.SIGINT)
        said = self.line(stream, "stopped at once: ")
        claim("1 pages" in said and not list(stream.answers()), "a second SIGINT does not wait for them, and says so", said)
        claim_is("… with status 3", 3, stream.child.wait())

    def reader_gone(self):
        stream = self.start("--workers", "1", chain="gate")
        stream.child.stdin.write(packed(page("gate")))
        stream.child.stdin.flush()
        self.at_gate()
        stream.child.stdout.close()
        said = self.line(stream, "whoever read it has gone")
        claim_is("a reader that went away ends it, though a page is under way", (3, True), (stream.child.wait(), bool(said)))

    # ---- a sink

    def acknowledged(self):
        """A sink that has a record and does not acknowledge it before a file is there."""
        told, go = self.work / "told", self.work / "go"
        sink = pathlib.Path(self.trommel).parent / "test/plugin/telling_sink.so"
        stream = self.start("--out", f"{sink}:{told}?held={go}")
        stream.write(page("one"))
        while not told.exists() or "put" not in told.read_text(encoding="ascii"):
            pass
        stream.write([])
        answers = stream.answers()
        claim_is("--out: no answer while the sink has not acknowledged", "bad_frame", next(answers)["outcome"]["reason"])
        go.touch()
        claim_is("… and then there is one", ("one", "ok"), next((a["id"], a["outcome"]["code"]) for a in answers))
        stream.close()
        stream.child.wait()

    def sink_alone(self):
        """The host is gone while pages are under way."""
        stream = self.start("--workers", "1", "--out", self.work / "alone", chain="gate")
        stream.child.stdin.write(packed(page("gate")) + packed(page("one")) + packed(page("two"))[:-1])
        stream.child.stdin.flush()
        self.at_gate()
        stream.child.stdout.close()
        said = self.line(stream, "whoever read it has gone")
        claim("2 pages that were taken still go to " in said, "--out: a reader that went away is told", said)
        self.open_gate()
        claim_is("… what was taken whole goes to the sink, then it ends", (3, ["gate", "one"]),
                 (stream.child.wait(), [r["id"] for r in self.cat("alone")[0]]))

    def cat(self, folder):
        done = subprocess.run([self.trommel, "cat", self.work / folder], stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
        return [json.loads(line) for line in done.stdout.splitlines()], done.stderr.decode()

    def sink(self):
        frames = b"".join(packed(page(f"p{i}")) for i in range(200)) + packed({"id": "bad"}) + packed(page("gone", status=404)) + packed(page("drop"))
        answers, status, _ = self.once(frames, "--out", self.work / "sink", chain="gate")
        records, said = self.cat("sink")
        want = {f"p{i}": "ok" for i in range(200)}
        claim_is("--out: short answers, one a page", {**want, "bad": "failed", "gone": "failed", "drop": "dropped"},
                 {a["id"]: a["outcome"]["code"] for a in answers})
        claim_is("… of these keys", {("id", "outcome", "url"), ("error", "id", "outcome", "url")}, {tuple(sorted(a)) for a in answers})
        claim_is("… and the records are in the sink, but of what was dropped or no page", sorted([*want, "gone"]), sorted(r["id"] for r in records))
        claim_is("… nothing else is said", ("", 1, 203), (said, status, len(answers)))

    def killed(self):
        """Trommel is killed with pages under way: what was answered is in the sink."""
        stream = self.start("--out", self.work / "killed")
        frames = b"".join(packed(page(f"p{i}")) for i in range(3000))
        threading.Thread(target=self.write_all, args=(stream, frames)).start()
        answers = stream.answers()
        ids = {next(answers)["id"] for _ in range(300)}
        stream.child.kill()
        stream.child.wait()
        there = [r["id"] for r in self.cat("killed")[0]]
        claim_is("kill -9 of Trommel: every record that was answered is there", set(), ids - set(there))
        claim_is("… and none twice", len(there), len(set(there)))

    def host_killed(self):
        """A host that is killed: its Trommel ends by itself, and what was answered is in the sink."""
        with subprocess.Popen([sys.executable, "-B", __file__, "--host", self.trommel, self.work, self.work / "orphan"],
                              stdout=subprocess.PIPE) as host:
            pid = int(host.stdout.readline())
            orphan = os.pidfd_open(pid)
            ids = {host.stdout.readline().decode().strip() for _ in range(300)}
            host.kill()
            ids |= set(host.stdout.read().decode().split("\n")[:-1])
        select.select([orphan], [], [])
        records, said = self.cat("orphan")
        there = [r["id"] for r in records]
        claim_is("kill -9 of the host: its Trommel ends, every record that was answered is there", set(), ids - set(there))
        claim_is("… none twice, none torn", (len(set(there)), ""), (len(there), said))


def host(trommel, work, sink):
    """The host that is killed: says Trommel's process and each id that was answered, then waits to be killed."""
    stream = Stream(trommel, "extract", "--stream", "-c", f"{work}/empty.yaml", "--out", sink, stderr=subprocess.DEVNULL)
    print(stream.child.pid, flush=True)

    def write():
        for i in range(1000000):
            stream.write(page(f"p{i}"))
    threading.Thread(target=write, daemon=True).start()
    for answer in stream.answers():
        print(answer["id"], flush=True)


if __name__ == "__main__":
    if sys.argv[1] == "--host":
        host(*sys.argv[2:])
    else:
        tests = Host(*sys.argv[1:3])
        for name in sys.argv[3:] or ("dumps", "client", "thousands", "forms", "cut", "usage", "order", "copies", "pressure", "worker_killed", "stopped",
                                     "reader_gone", "acknowledged", "sink_alone", "sink", "killed", "host_killed"):
            getattr(tests, name)()
        sys.exit(1 if failed else 0)
