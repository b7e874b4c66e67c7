#!/usr/bin/python3
"""all_ways.py BUILD WORK PORT: one site crawled by every way in which Trommel is used, and their records held against each
other (same_records.py says what equal is).  Prints a table and a claim for each way.

A way is a function of the class Ways: it crawls and returns the records, as `trommel cat` or JSON lines have them.  If what
it needs is not on this machine it raises Missing, which is a row of the table and a claim marked SKIP.  The decorator says
what its crawler does not tell: kinds of URLs (site.tsv) or fields; and which kinds of URLs only it has records of.
"""
import json
import os
import pathlib
import shutil
import subprocess
import sys
import traceback
import zipfile

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from same_records import Outcome, Site, misread

EMBED = pathlib.Path("plugin/embed").resolve()
LIMIT_S = 240  # of one way, on a machine much slower than any
WAYS = []


class Missing(Exception):
    pass


def way(name, untold=(), why=""):
    """why: of what is not told, for the table."""
    def note(function):
        WAYS.append((name, function, untold, why))
        return function
    return note


def need(tool):
    path = shutil.which(tool)
    if not path:
        raise Missing(f"{tool} is not there")
    return path


class Ways:
    def __init__(self, build, work, port):
        self.build, self.work, self.port = build, work, port
        self.seed = f"http://127.0.0.1:{port}/"
        self.trommel = f"{build}/trommel"

    def run(self, *command, statuses=(0,), **more):
        done = subprocess.run([str(c) for c in command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              timeout=LIMIT_S, cwd=self.work, check=False, **more)
        if done.returncode not in statuses:
            said = done.stderr.decode(errors="replace").strip().splitlines()[-3:]
            raise RuntimeError(f"{command[0]} ended with status {done.returncode}: {' / '.join(said)}")
        return done.stdout

    def cat(self, where):
        return [json.loads(line) for line in self.run(self.trommel, "cat", where).splitlines()]

    def crawl(self, name, *options):
        """Status 1: the site has URLs without a page."""
        self.run(self.trommel, "crawl", "--job", self.work / name, "--allow-private", "--delay", 0, "--no-progress", *options,
                 self.seed, statuses=(1,))
        return self.cat(self.work / name)

    def reference(self):
        return self.crawl("reference", "--per-host", 8)

    def replay(self, name, *files):
        """Status 1: there are URLs without a page."""
        self.run(self.trommel, "replay", "--job", self.work / name, "--no-progress", *files, statuses=(1,))
        return self.cat(self.work / name)

    def make(self, *command):
        """Runs a script that makes what a way needs; it says 77 if that cannot be had on this machine."""
        made = subprocess.run([str(c) for c in command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
        said = (made.stdout.decode(errors="replace").strip().splitlines() or [""])[-1]
        if made.returncode == 77:
            raise Missing(said)
        if made.returncode:
            raise RuntimeError(f"{command[0]} ended with status {made.returncode}: {said}")

    def venv(self):
        """Python with the packages of tests/venv.txt."""
        self.make("tests/venv.sh", "--once", self.build)
        return self.build / "venv/bin/python"

    def package(self):
        """The environment in which Python finds the package."""
        if not (self.work / "package").exists():
            self.make("flock", self.build / "wheel.lock", "make", "-s", f"BUILD={self.build}", "wheel")
            wheel = max((self.build / "wheel").glob("trommel-*.whl"), key=os.path.getmtime)
            with zipfile.ZipFile(wheel) as files:
                for info in files.infolist():
                    path = files.extract(info, self.work / "package")
                    os.chmod(path, info.external_attr >> 16 & 0o777 or 0o644)
        return {**os.environ, "PYTHONPATH": str(self.work / "package"), "PYTHONDONTWRITEBYTECODE": "1"}

    def home(self):
        """For programs that write into it."""
        (self.work / "home").mkdir(exist_ok=True)
        return {**os.environ, "HOME": str(self.work / "home")}

    @way("trommel crawl, in another order")
    def one_connection(self):
        return self.crawl("slow", "--per-host", 1, "--workers", 1)

    @way("wget2 with the plugin")
    def wget2(self):
        plugin = self.build / "embed/wget2/libtrommel.so"
        if not plugin.exists():
            raise Missing("the plugin was not built (libwget's headers are not there)")
        self.run(need("wget2"), f"--local-plugin={plugin}", f"--plugin-opt=trommel.out={self.work / 'wget2'}", "-q", "-r", "-l", "inf", "--tries=1",
                 "-P", self.work / "wget2-files", self.seed, statuses=(8,), env=self.home())
        return self.cat(self.work / "wget2")

    @way("Python, asyncio")
    def asyncio(self):
        self.run("/usr/bin/python3", EMBED / "python/example/crawl_asyncio.py", "--out", self.work / "asyncio", self.seed, env=self.package())
        return self.cat(self.work / "asyncio")

    @way("Scrapy with the component")
    def scrapy(self):
        self.run(self.venv(), EMBED / "python/example/spider.py", "--out", self.work / "scrapy", self.seed, env=self.package())
        return self.cat(self.work / "scrapy")

    @way("the stream from Node")
    def node(self):
        self.make("tests/stream_clients.sh", "node", self.build)
        self.run("node", self.build / "embed-node/crawl.js", "--trommel", self.trommel, "--out", self.work / "node", self.seed)
        return self.cat(self.work / "node")

    @way("the stream from Go")
    def go(self):
        self.make("tests/stream_clients.sh", "go", self.build)
        self.run(self.build / "embed-go", "-trommel", self.trommel, "-out", self.work / "go", self.seed)
        return self.cat(self.work / "go")

    @way("replay of what wget wrote")
    def wget_warc(self):
        self.run(need("wget"), "-q", "-r", "-l", "inf", "--tries=1", "--delete-after", "-P", self.work / "wget-files",
                 f"--warc-file={self.work / 'wget'}", self.seed, statuses=(8,), env=self.home())
        return self.replay("wget-replay", self.work / "wget.warc.gz")

    @way("replay of what wget2 wrote")
    def wget2_warc(self):
        if b"--warc-file" not in self.run(need("wget2"), "--help"):
            said = self.run("wget2", "--version").split(b" - ")[0].decode()
            raise Missing(f"{said} writes none")
        self.run("wget2", "-q", "-r", "-l", "inf", "--tries=1", "-P", self.work / "wget2-plain", f"--warc-file={self.work / 'wget2'}",
                 self.seed, statuses=(8,), env=self.home())
        return self.replay("wget2-replay", self.work / "wget2.warc.gz")

    @way("replay of Scrapy's, through warcio")
    def scrapy_warc(self):
        self.run(self.venv(), "-B", pathlib.Path(__file__).resolve().parent / "scrapy_warc.py", self.seed, self.work / "scrapy.warc.gz")
        return self.replay("scrapy-replay", self.work / "scrapy.warc.gz")

    @way("replay of trommel crawl --warc")
    def own_warc(self):
        self.crawl("warc", "--warc")
        return self.replay("warc-replay", *sorted((self.work / "warc/warc").glob("*.warc.gz")))


TABLE = [("way", "records", "equal", "differing fields", "not told by this crawler")]


def table_print():
    widths = [min(max(map(len, column)), 60) for column in zip(*TABLE)]
    for cells in TABLE:
        print("# " + "  ".join(text.ljust(width) for text, width in zip(cells, widths)).rstrip())


def claim(good, text):
    print(f"{'ok' if good else 'not ok'} - {text}", flush=True)
    return good


def judge(entry, records, site, reference):
    """The row of a way that ran; True if its records are as they should be."""
    name, _, untold, why = entry
    found = Outcome(site, reference, records, untold)
    told = ", ".join(f"{len(site.urls(kind))} of kind {kind}" for kind in untold) + (f" ({why})" if why else "")
    TABLE.append((name, str(found.n), str(found.equal), " ".join(f"{path}:{n}" for path, n in found.differing.most_common(4)) or "none",
         told or "none"))
    for problem in found.problems:
        print(f"#     {problem}")
    return claim(not found.problems and found.equal == found.n, f"{name}: {found.n} records, field by field those of the crawl")


def try_way(ways, site, reference, entry):
    name = entry[0]
    try:
        records = entry[1](ways)
    except Missing as e:
        TABLE.append((name, "SKIP", "", "", str(e)))
        return claim(True, f"{name}: equal records # SKIP {e}")
    except Exception as e:  # whatever it was, the other ways are still to be tried
        TABLE.append((name, "-", "", "", ""))
        traceback.print_exc(limit=-2)
        return claim(False, f"{name}: {e}")
    return judge(entry, records, site, reference)


def main():
    build, work, port = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]), int(sys.argv[3])
    site, ways = Site(work / "site", port), Ways(build, work, port)
    n = len(site.what)
    good = claim(n >= 300, f"the site has {n} URLs, {len(site.urls('page'))} of them pages")
    records = ways.reference()
    reference = {record["url"]: record for record in records}
    wrong = misread(site, reference)
    good &= claim(not wrong, f"trommel crawl reads every status, content coding and encoding of it {wrong[:3] or ''}".rstrip())
    good &= judge(("trommel crawl", None, (), ""), records, site, reference)
    only = os.environ.get("TROMMEL_WAYS", "")
    for entry in WAYS:
        if only in entry[0]:
            good &= try_way(ways, site, reference, entry)
    table_print()
    sys.exit(0 if good else 1)


main()
