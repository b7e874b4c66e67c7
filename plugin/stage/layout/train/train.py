"""Trains the page types' model and writes it as C.

usage: train.py DATA_DIR DUMP [--out model.c] [--trees N] [--depth N] [--eta X] [--seed N] [--no-cv]

DUMP is the prefix that `dump` wrote.  Prints cross-validated figures first (no registered domain is in two
folds), then trains on all pages and writes the tables: N trees for each type, one after the other.
"""
import argparse
import hashlib
import json
import pathlib
import sys
from collections import Counter

import numpy as np
import xgboost as xgb
from sklearn.model_selection import StratifiedGroupKFold

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "boilerplate" / "train"))
import blocks
from tables import c_float, fixture, heap, lines

FOLDS = 5
TYPES = ["article", "documentation", "service", "forum", "collection", "listing", "product"]


def params(a):
    return dict(objective="multi:softprob", num_class=len(TYPES), max_depth=a.depth, eta=a.eta, subsample=0.7,
                colsample_bytree=0.4, min_child_weight=1, reg_lambda=2.0, tree_method="hist", max_bin=256,
                nthread=1, base_score=0.0, seed=a.seed)


def with_unknown_urls(X, y, w, names):
    """The pages once more without their URL, so that the model knows how to do without."""
    bare = X.copy()
    bare[:, [i for i, n in enumerate(names) if n.startswith(("u_", "url_"))]] = 0
    return np.concatenate([X, bare]), np.concatenate([y, y]), np.concatenate([w, w * 0.5])


def matrix(X, y, w, names):
    X, y, w = with_unknown_urls(X, y, w, names)
    return xgb.DMatrix(X, label=y, weight=w)


def cross_validate(X, y, w, groups, names, a):
    p, gain = np.zeros((2, len(y), len(TYPES))), Counter()
    for train, test in StratifiedGroupKFold(FOLDS, shuffle=True, random_state=a.seed).split(X, y, groups):
        m = xgb.train(params(a), matrix(X[train], y[train], w[train], names), a.trees)
        both, _, _ = with_unknown_urls(X[test], y[test], w[test], names)
        p[:, test] = m.predict(xgb.DMatrix(both)).reshape(2, -1, len(TYPES))
        for name, v in m.get_score(importance_type="total_gain").items():
            gain[int(name[1:])] += v
    return p, gain


def report(y, p):
    said = p.argmax(1)
    f1s = []
    for t, name in enumerate(TYPES):
        tp, fp, fn = ((said == t) & (y == t)).sum(), ((said == t) & (y != t)).sum(), ((said != t) & (y == t)).sum()
        f1s.append(2 * tp / max(1, 2 * tp + fp + fn))
        wrong = Counter(TYPES[x] for x in said[(y == t) & (said != t)]).most_common(3)
        print("%-14s F1 %.3f  taken for: %s" % (name, f1s[-1], ", ".join(f"{n} {c}" for n, c in wrong)))
    top = p.max(1)
    for lo, hi in ((0, .5), (.5, .7), (.7, .9), (.9, 1.01)):
        sel = (top >= lo) & (top < hi)
        if sel.any():
            print("  confidence %.1f to %.1f: %d pages, %.3f right" % (lo, min(hi, 1), sel.sum(), (said == y)[sel].mean()))
    print("accuracy %.4f, macro F1 %.4f" % ((said == y).mean(), np.mean(f1s)), flush=True)
    return (said == y).mean()


def export(model, a, names, n_pages, score):
    nodes, leaves = [], []
    dump = model.get_dump(dump_format="json")  # round by round, a tree a type
    for t in range(len(TYPES)):
        for tree in dump[t::len(TYPES)]:
            n, v = heap(json.loads(tree), a.depth, list(range(len(names))))
            nodes += n
            leaves += v
    node_text = lines(["{%d,%d}," % x for x in nodes], 12)
    leaf_text = lines([c_float(v) + "," for v in leaves], 10)
    digest = hashlib.sha256((node_text + leaf_text).encode()).hexdigest()[:16]
    return f"""/* model: boosted trees over a page's features, {a.trees} a type.  Made by train.sh; do not edit.
 *
 * Trained on {n_pages} pages; right in cross-validation by registered domain: {score:.3f}.
 * Trained on data of the Web Content Extraction Benchmark (WCXB),
 * Murrough-Foley/web-content-extraction-benchmark, licensed CC-BY-4.0. */
#include "model.h"

static const struct trees_node nodes[] = {{
{node_text}
}};

static const float leaves[] = {{
{leaf_text}
}};

const char layout_model_hash[] = "{digest}";
const struct trees layout_model = {{ {a.trees * len(TYPES)}, {a.depth}, {len(names)}, nodes, leaves, 0.f }};
"""


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("data")
    ap.add_argument("dump")
    ap.add_argument("--out")
    ap.add_argument("--trees", type=int, default=100, help="for each type")
    ap.add_argument("--depth", type=int, default=3)
    ap.add_argument("--eta", type=float, default=0.12)
    ap.add_argument("--seed", type=int, default=0)
    ap.add_argument("--fixture", help="write rows and margins for the unit test here")
    ap.add_argument("--no-cv", action="store_true")
    a = ap.parse_args()
    names = pathlib.Path(a.dump + ".names").read_text().split()
    X = np.fromfile(a.dump + ".rows", np.uint8).reshape(-1, len(names))
    ids = [line.split()[0] for line in open(a.dump + ".ids")]
    truths = [blocks.truth(a.data, i) for i in ids]
    y = np.array([TYPES.index(t.kind) for t in truths])
    w = np.ones(len(y))
    groups = [blocks.registered_domain(t.url) or i for t, i in zip(truths, ids)]
    score = float("nan")
    if not a.no_cv:
        p, gain = cross_validate(X, y, w, groups, names, a)
        print("without URLs: accuracy %.4f" % (p[1].argmax(1) == y).mean())
        score = report(y, p[0])
        total = sum(gain.values())
        print("gain: " + " ".join("%s %.2f" % (names[i], 100 * v / total) for i, v in gain.most_common(60)))
    if a.out:
        model = xgb.train(params(a), matrix(X, y, w, names), a.trees)
        open(a.out, "w").write(export(model, a, names, len(y), score))
        if a.fixture:
            open(a.fixture, "w").write(fixture(model, list(range(len(names))), len(names), len(TYPES)))
        print("wrote %s: %d times %d trees of depth %d" % (a.out, len(TYPES), a.trees, a.depth))


if __name__ == "__main__":
    main()
