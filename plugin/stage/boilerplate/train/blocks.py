"""Reads what `dump` wrote, and makes the labels to train on.

A block's label is the share of its words that the truth has: (1) the words of all blocks are joined in page
order; a word is covered when a run of four words that holds it occurs in the truth, so that runs may cross
block borders; (2) a block takes the covered share, or the share inside the block alone if higher; one under
four words is content when it equals a line of the truth; (3) a text that was taken as often as the truth has
it is 0 from then on.  Content is >= 0.5.
"""
import json
import pathlib
import re
import struct
from collections import Counter
from types import SimpleNamespace
from urllib.parse import urlparse

import numpy as np

TOKEN = re.compile(r"\w+")
RUN = 4


def tokens(text):
    return TOKEN.findall(text.lower())


def runs(toks):
    return [tuple(toks[i:i + RUN]) for i in range(len(toks) - RUN + 1)]


def padded(toks):
    return "\0" + "\0".join(toks) + "\0"


def registered_domain(url):
    """Good enough to part the folds; the product uses the public suffix list."""
    host = (urlparse(url).hostname or "").lower().split(".")
    if len(host) >= 3 and host[-2] in ("co", "com", "org", "ac", "gov", "net", "edu") and len(host[-1]) == 2:
        return ".".join(host[-3:])
    return ".".join(host[-2:])


def truth(data, page_id):
    t = json.loads((pathlib.Path(data) / "ground-truth" / f"{page_id}.json").read_text(encoding="utf-8"))
    kind = ((t.get("_internal") or {}).get("page_type") or {}).get("primary") or "article"
    return SimpleNamespace(url=t.get("url") or "", kind="collection" if kind == "category" else kind,
                           text=(t.get("ground_truth") or {}).get("main_content") or "")


def read_blocks(path):
    """[(id, sizes, rules, texts)] in the order of the rows."""
    pages = []
    with open(path, "rb") as f:
        for line in f:
            _, page_id, n = line.split()
            sizes, rules, texts = [], [], []
            for _ in range(int(n)):
                size, rule, length = struct.unpack("=III", f.read(12))
                sizes.append(size)
                rules.append(rule)
                texts.append(f.read(length).decode("utf-8", "replace"))
            pages.append((page_id.decode(), sizes, rules, texts))
    return pages


def labels(toks, main_content):
    ref = tokens(main_content)
    lines = {padded(tokens(line)) for line in main_content.split("\n")}
    in_truth, whole = set(runs(ref)), padded(ref)
    stream = [w for t in toks for w in t]
    hit = np.zeros(len(stream) + RUN, bool)
    for k, s in enumerate(runs(stream)):
        if s in in_truth:
            hit[k:k + RUN] = True
    y, kept, at = np.zeros(len(toks), np.float32), Counter(), 0
    for j, t in enumerate(toks):
        n = len(t)
        share = hit[at:at + n].mean() if n else 0
        at += n
        if not n:
            continue
        key = padded(t)
        if n >= RUN:
            own = np.zeros(n, bool)
            for k, s in enumerate(runs(t)):
                if s in in_truth:
                    own[k:k + RUN] = True
            v = max(share, own.mean())
        else:
            v = max(share, 1.0 if key in lines else 0.0)
        wanted = whole.count(key) if n < 80 else 0
        if kept[key] >= max(1, wanted):
            v = 0.0
        if v >= 0.5:
            kept[key] += 1
        y[j] = v
    return y


def load(data, prefix):
    """Rows X, label y, weight w, page, size and fitting rules of each block; a list of pages with id, url, kind, ref (words
    of the truth) and toks (words of each block); start: first row of each page, and one past the last."""
    names = pathlib.Path(prefix + ".names").read_text().split()
    d = SimpleNamespace(names=names, X=np.fromfile(prefix + ".rows", np.uint8).reshape(-1, len(names)))
    d.pages, y, w, size, page, rules = [], [], [], [], [], []
    for k, (page_id, sizes, rule, texts) in enumerate(read_blocks(prefix + ".blocks")):
        t = truth(data, page_id)
        toks = [tokens(s) for s in texts]
        n = np.array([len(x) for x in toks], float)
        ref = tokens(t.text)
        y.append(labels(toks, t.text))
        w.append(np.maximum(n, 1) / (len(ref) + 0.25 * n.sum() + 50) * 300)
        rules.append(np.array(rule, np.uint8))
        size.append(np.array(sizes, np.int64))
        page.append(np.full(len(toks), k))
        d.pages.append(SimpleNamespace(id=page_id, url=t.url, kind=t.kind, ref=ref, toks=toks,
                                       group=registered_domain(t.url) or page_id))
    d.y, d.w = np.concatenate(y), np.concatenate(w).astype(np.float32)
    d.rules = np.concatenate(rules)
    d.size, d.page = np.concatenate(size), np.concatenate(page)
    d.start = np.searchsorted(d.page, np.arange(len(d.pages) + 1))
    return d
