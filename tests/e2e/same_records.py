"""Records of one site that came different ways, held against each other.

Two records of a URL are equal when all their fields are, but for those that say how and when the page came: `id`, `fetch`,
`fetched_at`, `chain`, and in `dedupe` all but the sketch, since which copy is the first depends on the order.  The clusters
are compared as sets of URLs.
"""
import collections
import urllib.parse

LEFT_OUT = ("id", "fetch", "fetched_at", "chain")


class Site:
    """What site300/make.py says of its URLs."""

    def __init__(self, folder, port):
        self.root = f"http://127.0.0.1:{port}"
        self.what, self.status, self.path = {}, {}, {}
        with open(f"{folder}/site.tsv", encoding="utf-8") as lines:
            for line in lines:
                target, _, status, what, _ = line.rstrip("\n").split("\t")
                path, mark, query = target.partition("?")
                url = self.root + urllib.parse.quote(path, safe="/~") + mark + query
                self.what[url], self.status[url], self.path[url] = what, int(status), path

    def urls(self, *kinds):
        return {url for url, what in self.what.items() if what in kinds}


def language(name):
    """Language and encoding of a page of /languages/, as its record should name them."""
    lang = "zh-tw" if name.startswith("zh-tw") else name[:2]
    charset = name[len(lang) + 1:].rsplit("-", 1)[0]
    return {"zh-tw": "zh-Hant"}.get(lang, lang), {"iso-8859-1": "windows-1252"}.get(charset, charset)


def misread(site, records):
    """What is wrong with the reference itself: each URL's status; that coded bodies were decoded, legacy encodings told,
    copies seen.  records: by URL."""
    wrong = [f"{url}: status {record['status']}" for url, record in records.items() if record["status"] != site.status.get(url)]
    sets = clusters(records.values())
    for url in sorted(site.urls("page") & records.keys()):
        folder, _, name = site.path[url][1:].partition("/")
        record = records[url]
        content = record.get("content") or {}
        if folder == "coded" and name and (content.get("words") or 0) < 100:
            wrong.append(f"{url}: {record['outcome']}, {content.get('words')} words")
        if folder == "languages" and name and (content.get("lang"), record["charset"]) != language(name):
            wrong.append(f"{url}: {content.get('lang')}, {record['charset']}, not {language(name)}")
        if url.endswith("?from=letter") and not any({url, url.partition("?")[0]} <= one for one in sets):
            wrong.append(f"{url}: is no copy of the page without the question mark")
    return wrong


def flat(value, path=""):
    """A record as {path of a field: value}; lists are values."""
    if not isinstance(value, dict) or not value:
        return {path: value}
    out = {}
    for key, inner in value.items():
        out.update(flat(inner, f"{path}.{key}" if path else key))
    return out


def fields(record):
    kept = {key: value for key, value in record.items() if key not in LEFT_OUT}
    if isinstance(kept.get("dedupe"), dict):
        kept["dedupe"] = {"sketch": kept["dedupe"].get("sketch")}
    return flat(kept)


ABSENT = object()


def differences(one, other):
    """Paths of the fields in which two records differ."""
    a, b = fields(one), fields(other)
    return sorted(path for path in a.keys() | b.keys() if a.get(path, ABSENT) != b.get(path, ABSENT))


def clusters(records):
    """The sets of URLs that say the same, as a set of frozensets; pages that are alone are none."""
    by_cluster = collections.defaultdict(set)
    for record in records:
        if record.get("dedupe"):
            by_cluster[record["dedupe"]["cluster"]].add(record["url"])
    return {frozenset(urls) for urls in by_cluster.values() if len(urls) > 1}


class Outcome:
    """What a way's records are beside the reference's, over the URLs that it tells of."""

    def __init__(self, site, reference, records, untold=()):
        """untold: kinds of URLs (site.tsv) that this crawler does not tell of."""
        self.problems, self.differing, self.equal = [], collections.Counter(), 0
        want = site.urls("page", "error") - site.urls(*untold)
        by_url = collections.defaultdict(list)
        for record in records:
            by_url[record["url"]].append(record)
        missing, unknown = want - by_url.keys(), by_url.keys() - want
        for text, urls in (("without a record", missing), ("not asked for", unknown)):
            if urls:
                self.problems.append(f"{len(urls)} URLs {text}: {' '.join(sorted(urls)[:3])}")
        self.n = len(want & by_url.keys())
        for url in sorted(want & by_url.keys() & reference.keys()):
            self.compare(url, reference[url], by_url[url])
        mine, theirs = clusters(r for r in records if r["url"] in want), clusters(r for r in reference.values() if r["url"] in want)
        if mine != theirs:
            odd = sorted(map(sorted, mine ^ theirs))
            self.problems.append(f"{len(odd)} clusters of duplicates differ, as {' '.join(odd[0])}")

    def compare(self, url, wanted, found):
        paths = sorted({path for record in found for path in differences(wanted, record)})
        self.equal += not paths
        self.differing.update(paths)
        if paths and len(self.problems) < 8:
            a, b = fields(wanted), fields(found[0])
            self.problems.append(f"{url}: " + "; ".join(f"{p} is {str(b.get(p, 'absent'))[:80]!r}, not {str(a.get(p, 'absent'))[:80]!r}"
                                                        for p in paths[:4]))
