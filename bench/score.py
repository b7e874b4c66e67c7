#!/usr/bin/env python3
"""Scores records of `trommel extract --manifest` against a page collection in WCXB's format.

usage: score.py DATA RECORDS.jsonl [--least FIELD=VALUE]...

DATA holds ground-truth/ID.json.  Prints one JSON object: word F1 and 5-gram F1 of content.text (the
benchmark's definition: \\w+ tokens, lower case, multiset overlap, mean over pages; a page without a record
scores zero), and the share of right values of layout, title, authors and date over the pages whose truth
has the field, with the number of values given where the truth has none.  With --least, exits 1 and says
which figure is lower.  Benchmark: https://github.com/Murrough-Foley/web-content-extraction-benchmark
"""
import collections
import json
import pathlib
import re
import sys
import unicodedata


def words(text):
    return re.findall(r"\w+", (text or "").lower())


def f1(got, want):
    if not got or not want:
        return float(got == want)
    hit = sum((collections.Counter(got) & collections.Counter(want)).values())
    return 2 * hit / (len(got) + len(want))


def fives(tokens):
    return [tuple(tokens[i:i + 5]) for i in range(max(len(tokens) - 4, min(len(tokens), 1)))]


def plain(value):
    return " ".join(words(unicodedata.normalize("NFKC", value if isinstance(value, str) else "")))


def people(value):
    listed = [value] if isinstance(value, str) else value or []
    return {plain(p) for v in listed for p in re.split(r"\s*(?:,|;|&|\band\b)\s*", v) if plain(p)}


def truth_type(truth):
    kind = (truth.get("_internal") or {}).get("page_type") or "article"
    kind = kind.get("primary", "article") if isinstance(kind, dict) else kind
    return "collection" if kind == "category" else kind


def day(value):
    return str(value or "")[:10]


FIELDS = (("title", "title", "title", plain), ("authors", "author", "authors", people), ("date", "publish_date", "published", day))


def main(args):
    least = dict(a.split("=") for a in args[2:] if a != "--least")
    truths = sorted((pathlib.Path(args[0]) / "ground-truth").glob("*.json"))
    records = {}
    for line in open(args[1], encoding="utf-8"):
        rec = json.loads(line)
        records.setdefault(rec["id"], []).append(rec)
    sums, right, asked, invented = collections.Counter(), collections.Counter(), collections.Counter(), collections.Counter()
    for path in truths:
        truth = json.loads(path.read_text(encoding="utf-8"))
        want, rec = truth.get("ground_truth") or {}, records.get(path.stem, [{}])[-1]
        got_words, want_words = words((rec.get("content") or {}).get("text")), words(want.get("main_content"))
        sums["word_f1"] += f1(got_words, want_words)
        sums["gram_f1"] += f1(fives(got_words), fives(want_words))
        sums["layout"] += (rec.get("layout") or {}).get("type") == truth_type(truth)
        for name, truth_key, key, norm in FIELDS:
            w, g = norm(want.get(truth_key)), norm((rec.get("meta") or {}).get(key))
            if w:
                asked[name] += 1
                right[name] += g == w
            elif g:
                invented[name] += 1
    out = {"pages": len(truths), "records": sum(map(len, records.values())), "doubled": sum(len(r) > 1 for r in records.values())}
    out |= {k: round(v / max(len(truths), 1), 4) for k, v in sums.items()}
    out |= {k: round(right[k] / max(asked[k], 1), 4) for k in asked}
    out["invented"] = dict(invented)
    print(json.dumps(out))
    low = [f"{k} is {out.get(k)}, less than {v}" for k, v in least.items() if not out.get(k, 0) >= float(v)]
    for line in low:
        print(f"score: {line}", file=sys.stderr)
    return bool(low)


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    sys.exit(main(sys.argv[1:]))
