"""Trains the block model and writes it as C.

usage: train.py DATA_DIR DUMP [--out model.c] [--trees N] [--depth N] [--eta X] [--keep FILE] [--seed N] [--no-cv]

DUMP is the prefix that `dump` wrote.  Prints the cross-validated figure first (no registered domain is in two
folds; decoded as the stage does), then trains on all pages and writes the tables.
"""
import argparse
import hashlib
import json
import time
from collections import Counter

import numpy as np
import xgboost as xgb
from sklearn.model_selection import StratifiedGroupKFold

import blocks
from tables import c_float, fixture, heap, lines

FOLDS = 5
KINDS = ["article", "documentation", "service", "forum", "collection", "listing", "product"]


def params(a):
    return dict(objective="binary:logistic", tree_method="hist", max_depth=a.depth, eta=a.eta, subsample=0.7,
                colsample_bytree=0.5, min_child_weight=8, reg_lambda=3.0, max_bin=256, nthread=a.threads,
                base_score=0.5, seed=a.seed)


def decode(p, n):
    """Blocks that give the highest expected F1: those with p over half of it.  Nothing, where the chance
    that no block is content is higher than that."""
    content, f = (p * n).sum(), 0.0
    for _ in range(50):
        keep = p > f / 2
        g = 2 * (p * n)[keep].sum() / max(1e-9, n[keep].sum() + content)
        if g <= f:
            break
        f = g
    if not len(p) or np.log1p(-np.minimum(p, 1 - 1e-7)).sum() > np.log(max(f, 1e-9)):
        return np.zeros(len(p), bool), f
    return p > f / 2, f


def word_f1(got, want):
    if not want or not got:
        return float(not want and not got)
    n = sum((Counter(got) & Counter(want)).values())
    return 2 * n / (len(got) + len(want))


def five_grams(words):
    return [tuple(words[i:i + 5]) for i in range(max(len(words) - 4, min(len(words), 1)))]


def evaluate(d, p, rules=7):
    """Word F1 and 5-gram F1 of each page, as the stage would do with these probabilities (but for its rules
    on headings and on links elsewhere, worth .0005).  rules: which take blocks out again (1 title, 2 teaser, 4 tags)."""
    rows = []
    for i, page in enumerate(d.pages):
        s, e = d.start[i], d.start[i + 1]
        keep, _ = decode(p[s:e].astype(float), d.size[s:e].astype(float))
        keep &= (d.rules[s:e] & rules & 6) == 0
        titles = np.nonzero(keep & (d.rules[s:e] & rules & 1 > 0))[0]
        keep[titles[:1]] = False
        out, seen = [], set()
        for t in np.array(page.toks, dtype=object)[keep] if e > s else []:
            key = tuple(t)
            if len(t) >= 6 and key in seen:
                continue
            seen.add(key)
            out += t
        rows.append((word_f1(out, page.ref), word_f1(five_grams(out), five_grams(page.ref))))
    return np.array(rows)


def report(d, f, label):
    kinds = np.array([x.kind for x in d.pages])
    print("%-24s F1 %.4f 5-gram %.4f | " % (label, f[:, 0].mean(), f[:, 1].mean())
          + " ".join("%s %.3f" % (k[:4], f[kinds == k, 0].mean()) for k in KINDS if (kinds == k).any()), flush=True)


def matrix(d, columns, rows):
    return xgb.DMatrix(d.X[rows][:, columns], label=d.y[rows], weight=d.w[rows])


def cross_validate(d, columns, a):
    fold = np.zeros(len(d.pages), int)
    kinds, groups = [x.kind for x in d.pages], [x.group for x in d.pages]
    split = StratifiedGroupKFold(FOLDS, shuffle=True, random_state=a.seed).split(kinds, kinds, groups)
    for i, (_, test) in enumerate(split):
        fold[test] = i
    p, gain = np.zeros(len(d.y)), Counter()
    for k in range(FOLDS):
        start = time.time()
        test = fold[d.page] == k
        m = xgb.train(params(a), matrix(d, columns, ~test), a.trees)
        p[test] = m.predict(matrix(d, columns, test))
        for name, v in m.get_score(importance_type="total_gain").items():
            gain[int(name[1:])] += v
        print("fold %d: %.0f s" % (k, time.time() - start), flush=True)
    return p, gain


def export(model, columns, a, d, score):
    nodes, leaves = [], []
    for t in model.get_dump(dump_format="json"):
        n, v = heap(json.loads(t), a.depth, columns)
        nodes += n
        leaves += v
    # 16 bits a node: the feature's number and the threshold
    node_text = lines(["{%d,%d}," % x for x in nodes], 12)
    leaf_text = lines([c_float(v) + "," for v in leaves], 10)
    digest = hashlib.sha256((node_text + leaf_text).encode()).hexdigest()[:16]
    return f"""/* model: boosted trees over the features of a block.  Made by train/train.sh; do not edit.
 *
 * Trained on {len(d.pages)} pages and {len(d.y)} blocks; word F1 in cross-validation by registered
 * domain {score}.
 * Trained on data of the Web Content Extraction Benchmark (WCXB),
 * Murrough-Foley/web-content-extraction-benchmark, licensed CC-BY-4.0. */
#include "model.h"

static const struct trees_node nodes[] = {{
{node_text}
}};

static const float leaves[] = {{
{leaf_text}
}};

const char block_model_hash[] = "{digest}";
const struct trees block_model = {{ {a.trees}, {a.depth}, {len(d.names)}, nodes, leaves, 0.f }};
"""


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("data")
    ap.add_argument("dump")
    ap.add_argument("--out")
    ap.add_argument("--trees", type=int, default=120)
    ap.add_argument("--depth", type=int, default=5)
    ap.add_argument("--eta", type=float, default=0.14)
    ap.add_argument("--seed", type=int, default=0)
    ap.add_argument("--threads", type=int, default=1)
    ap.add_argument("--keep", help="file with the names of the features to use, space-separated")
    ap.add_argument("--fixture", help="write rows and margins for the unit test here")
    ap.add_argument("--no-cv", action="store_true")
    ap.add_argument("--score", default="", help="with --no-cv: the cross-validated figure to write into the file")
    ap.add_argument("--save", help="out-of-fold probabilities (.npy)")
    a = ap.parse_args()
    start = time.time()
    d = blocks.load(a.data, a.dump)
    print("%d pages, %d blocks, %d features, content %.3f (%.0f s)"
          % (len(d.pages), len(d.y), len(d.names), (d.y >= 0.5).mean(), time.time() - start), flush=True)
    report(d, evaluate(d, (d.y >= 0.5).astype(float)), "the labels themselves")
    wanted = set(open(a.keep).read().split()) if a.keep else set(d.names)
    columns = [i for i, n in enumerate(d.names) if n in wanted]
    score = a.score or "not measured"
    if not a.no_cv:
        p, gain = cross_validate(d, columns, a)
        f = evaluate(d, p)
        report(d, f, "cross-validated")
        for r in (0, 1, 2, 4):
            report(d, evaluate(d, p, r), "  with rules %d" % r)
        score = "%.3f" % f[:, 0].mean()
        total = sum(gain.values())
        print("gain: " + " ".join("%s %.2f" % (d.names[columns[i]], 100 * v / total) for i, v in gain.most_common()))
        if a.save:
            np.save(a.save, p)
    if a.out:
        model = xgb.train(params(a), matrix(d, columns, np.ones(len(d.y), bool)), a.trees)
        open(a.out, "w").write(export(model, columns, a, d, score))
        if a.fixture:
            open(a.fixture, "w").write(fixture(model, columns, len(d.names)))
        print("wrote %s: %d trees of depth %d" % (a.out, a.trees, a.depth))


if __name__ == "__main__":
    main()
