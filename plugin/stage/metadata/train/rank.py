#!/usr/bin/env python3
"""Learn the weights of rank_weights.h from candidates.

usage: rank.py CANDS.jsonl TRUTH_DIR [--write rank_weights.h]

CANDS.jsonl comes from `eval -c`; TRUTH_DIR holds ground-truth/*.json.  A page is one choice among its
candidates and "none" (score 0; for titles "none" is not allowed).  Softmax over the right ones, plain
gradient steps with a small pull to 0.  Validated in five folds by the page's domain; the weights written
are learned from all pages.  Nothing but Python's own library is needed.
"""
import argparse, collections, json, math, pathlib, random, re, unicodedata, urllib.parse, zlib


def words(text):
    return re.findall(r"\w+", (text or "").lower())


def norm(s):
    return " ".join(words(unicodedata.normalize("NFKC", s if isinstance(s, str) else "")))


def names(value):
    value = [value] if isinstance(value, str) else value if isinstance(value, list) else []
    parts = (p for v in value if isinstance(v, str) for p in re.split(r"\s*(?:,|;|&|\band\b)\s*", v))
    return {norm(p) for p in parts if norm(p)}


RIGHT = {
    "title": lambda t, c: norm(t.get("title")) == norm(c),
    "author": lambda t, c: bool(names(t.get("author"))) and names(t.get("author")) == names(c),
    "date": lambda t, c: bool(t.get("publish_date")) and (t.get("publish_date") or "")[:10] == c[:10],
}
WANT = {
    "title": lambda t: bool(norm(t.get("title"))),
    "author": lambda t: bool(names(t.get("author"))),
    "date": lambda t: bool((t.get("publish_date") or "")[:10]),
}


def score(w, bits):
    return sum(w[b] for b in bits)


def train(pages, abstain, epochs=40, pull=2e-4, seed=1):
    w, g2 = [0.0] * 64, [1e-6] * 64
    rng = random.Random(seed)
    pages = [p for p in pages if p["c"] and (abstain or any(r for _, _, r in p["c"]))]
    for epoch in range(epochs):
        rng.shuffle(pages)
        rate = 0.15 / (1 + epoch * 0.15)
        for p in pages:
            s = [score(w, b) for _, b, _ in p["c"]]
            good = [r for _, _, r in p["c"]]
            if abstain:
                s.append(0.0)
                good.append(not any(good))  # none is right when the truth has none, or we have none right
            top = max(s)
            e = [math.exp(x - top) for x in s]
            z, zg = sum(e), sum(x for x, r in zip(e, good) if r)
            if zg <= 0:
                continue
            grad = collections.Counter()
            for (x, r), c in zip(zip(e, good), p["c"]):
                d = x / z - (x / zg if r else 0.0)
                for b in c[1]:
                    grad[b] += d
            for b, d in grad.items():
                d += pull * w[b]
                g2[b] += d * d
                w[b] -= rate * d / math.sqrt(g2[b]) if g2[b] > 1e-5 else 0
    return w


def choose(w, p, abstain):
    best, top = None, 0.0 if abstain else -1e9
    for c in p["c"]:
        s = score(w, c[1])
        if s > top:
            best, top = c, s
    return best


def judge(w, pages, abstain):
    n = collections.Counter()
    for p in pages:
        c = choose(w, p, abstain)
        if p["want"]:
            n["truth"] += 1
            n["hit" if c and c[2] else "wrong" if c else "missed"] += 1
            n["reachable"] += any(r for _, _, r in p["c"])
        elif c:
            n["invented"] += 1
    return n


def show(n):
    right = f"{n['hit']}/{n['truth']} = {n['hit'] / n['truth']:.3f}"
    counts = f"wrong {n['wrong']} missed {n['missed']} invented {n['invented']}"
    return f"{right} {counts} reachable {n['reachable'] / n['truth']:.3f}"


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("cands")
    ap.add_argument("truth", type=pathlib.Path)
    ap.add_argument("--write")
    ap.add_argument("--kinds", default="title,author,date")
    ap.add_argument("--errors", type=int, default=0)
    a = ap.parse_args()
    data = collections.defaultdict(list)
    truths = {}
    for line in open(a.cands, encoding="utf-8"):
        r = json.loads(line)
        if r["id"] not in truths:
            path = a.truth / "ground-truth" / (r["id"] + ".json")
            truths[r["id"]] = json.loads(path.read_text(encoding="utf-8"))
        t = truths[r["id"]]["ground_truth"]
        host = urllib.parse.urlsplit(truths[r["id"]].get("url") or r["id"]).netloc
        domain = ".".join(host.split(".")[-2:])
        kind = r["kind"]
        cands = [(c["t"], c["b"], RIGHT[kind](t, c["t"])) for c in r["cands"]]
        fold = zlib.crc32(domain.encode()) % 5
        data[kind].append(dict(id=r["id"], c=cands, want=WANT[kind](t), fold=fold))
    out = []
    for kind in ("title", "author", "date"):
        if kind not in a.kinds.split(","):
            continue
        pages, abstain = data[kind], kind != "title"
        total = collections.Counter()
        for fold in range(5):
            w = train([p for p in pages if p["fold"] != fold], abstain)
            held = [p for p in pages if p["fold"] == fold]
            total += judge(w, held, abstain)
            for p in held if a.errors else []:
                c = choose(w, p, abstain)
                if (p["want"] and not (c and c[2])) or (c and not p["want"]):
                    p["said"] = c
        w = train(pages, abstain)
        fit = judge(w, pages, abstain)
        print(f"{kind}: held out {show(total)}\n{'':7}fitted   {show(fit)}")
        bad = [p for p in pages if "said" in p]
        random.Random(3).shuffle(bad)
        for p in bad[: a.errors]:
            t = truths[p["id"]]["ground_truth"]
            want = t.get({"title": "title", "author": "author", "date": "publish_date"}[kind])
            kind_of_page = truths[p["id"]]["_internal"]["page_type"]["primary"]
            said, reach = p["said"][:2] if p["said"] else None, any(c[2] for c in p["c"])
            print(f"  {p['id']} {kind_of_page[:4]} want {want!r} said {said!r} reach {reach}")
        out.append((kind, w))
    if a.write and len(out) == 3:
        with open(a.write, "w", encoding="utf-8") as f:
            f.write("/* rank_weights: made by train/rank.py; do not edit. */\n/* clang-format off */\n")
            for kind, w in out:
                f.write(f"const float rank_{kind}_weights[RANK_BITS] = {{\n")
                for i in range(0, 64, 8):
                    f.write("    " + " ".join(f"{x:.3f}f," for x in w[i : i + 8]) + "\n")
                f.write("};\n")
            f.write("/* clang-format on */\n")


main()
