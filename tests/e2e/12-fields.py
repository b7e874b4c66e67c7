#!/usr/bin/python3
"""The bundled site through `extract`: fails when a field of a record is not what its page says.

What comes out of a content farm's copy must be the article and its true fields; the same story in two templates
must have one text; layouts, dates and products come out as the pages state them.
"""
import json
import os
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
SITE = ROOT / "tests/site"
bad = 0


def claim(ok, text, got=None):
    global bad
    print(f"{'ok' if ok else 'not ok'} - {text}" + ("" if ok or got is None else f": {got!r}"))
    bad |= not ok


def get(rec, path):
    for key in path.split("."):
        rec = rec.get(key) if isinstance(rec, dict) else None
    return rec


def paragraphs(page):
    """The article's paragraphs as the page's source has them: p elements without attributes."""
    text = (SITE / page).read_text()
    return [re.sub("&amp;", "&", p) for p in re.findall(r"<p>(.*?)</p>", text) if "<a " not in p and "Copyright" not in p]


def main():
    build = os.environ.get("TROMMEL_BUILD", str(ROOT / "build"))
    names = sorted(str(p.relative_to(SITE)) for p in SITE.rglob("*") if p.suffix in (".html", ".txt") and "draft" not in p.name)
    lines = [json.dumps({"id": n, "path": str(SITE / n), "url": "http://gazette.example/" + n}) for n in names]
    run = subprocess.run([build + "/trommel", "extract", "--manifest", "-"], input="\n".join(lines).encode() + b"\n", stdout=subprocess.PIPE)
    recs = {r["id"]: r for r in map(json.loads, run.stdout.splitlines())}
    claim(run.returncode == 0 and set(recs) == set(names), f"{len(names)} pages, {len(recs)} records", run.returncode)

    farm = recs["pulse/88213.html"]
    claim(get(farm, "meta.title") == "Night train to the coast returns in June", "farm: the title is the article's", get(farm, "meta.title"))
    claim(get(farm, "meta.site_name") == "Market Pulse Daily", "farm: the site's name", get(farm, "meta.site_name"))
    claim(get(farm, "meta.published") == "2026-04-03T02:11:40", "farm: the date as precise as the page says it", get(farm, "meta.published"))
    claim(get(farm, "meta.authors") == [], "farm: nobody is made up as author", get(farm, "meta.authors"))
    claim(get(farm, "content.text") == "\n\n".join(paragraphs("pulse/88213.html")), "farm: the text is exactly the article's paragraphs", get(farm, "content.text"))
    kinds = {l["text"]: l["kind"] for l in farm["links"]}
    claim(kinds.get("Tide mill grinds flour again after ninety years") in ("related", "navigation"), "farm: related links are told apart", kinds)

    mill = recs["news/tide-mill.html"]
    for field, want in (("layout.type", "article"), ("meta.title", "Tide mill grinds flour again after ninety years"),
                        ("meta.authors", ["Marta Lindqvist"]), ("meta.published", "2026-03-14T08:30:00+01:00"),
                        ("meta.site_name", "The Harbour Gazette"), ("meta.tags", ["Heritage", "Energy", "Harbour"]),
                        ("meta.lang", "en"), ("content.lang", "en"), ("meta.canonical", "http://gazette.example/news/tide-mill.html")):
        claim(get(mill, field) == want, f"article: {field} is {want!r}", get(mill, field))
    want = paragraphs("news/tide-mill.html")
    claim(get(mill, "content.text") == "\n\n".join(want), "article: the text is exactly its paragraphs", get(mill, "content.text"))
    claim(get(recs["print/tide-mill.html"], "content.text") == get(mill, "content.text"), "print view: the same text")
    claim({get(recs[n], "dedupe.relation") for n in ("print/tide-mill.html", "news/tide-mill.html")} == {"exact", "unique"}, "one of the two is unique, the other exact")
    claim(get(mill, "dedupe.cluster") == get(recs["print/tide-mill.html"], "dedupe.cluster"), "… in one cluster")
    claim({get(recs[n], "dedupe.relation") for n in ("pulse/88213.html", "news/night-train.html")} == {"near", "unique"}, "the farm's copy is near to the article")
    templates = [get(recs[n], "layout.template") for n in ("news/tide-mill.html", "news/night-train.html", "news/peat-map.html")]
    claim(len(set(templates)) == 1 and templates[0], "three articles of one template have one fingerprint", templates)
    claim(get(farm, "layout.template") not in templates, "another site's template has another")
    for page, kind in (("manual/chain.html", "documentation"), ("forum/saddle-height.html", "forum"), ("shop/canvas-bag.html", "product")):
        claim(get(recs[page], "layout.type") == kind, f"{page}: layout is {kind}", get(recs[page], "layout"))
    text = get(recs["manual/chain.html"], "content.text") or ""
    claim("    # an indented second line" in text, "documentation: preformatted text is verbatim")
    claim("up to 255.0 mm\tnothing" in text, "documentation: table cells are parted by tabs")
    notes = recs["notes.txt"]
    claim(get(notes, "outcome.code") == "ok" and "Saturday boat" in (get(notes, "content.text") or ""), "text/plain runs through the chain too", get(notes, "outcome"))
    claim(get(recs["shop/canvas-bag.html"], "meta.product.price") in ("68.00", 68, 68.0), "product: its price", get(recs["shop/canvas-bag.html"], "meta.product"))

    check = subprocess.run([sys.executable, str(ROOT / "tests/schema/validate.py")], input=run.stdout, stdout=subprocess.PIPE)
    claim(check.returncode == 0, "every record keeps the schema: " + check.stdout.decode().strip().split("\n")[-1])
    text = subprocess.run([build + "/trommel", "extract", "--format", "text", str(SITE / "news/tide-mill.html")], stdout=subprocess.PIPE).stdout.decode()
    claim(text.rstrip("\n") == "\n\n".join(want), "--format text prints the text alone")
    mark = subprocess.run([build + "/trommel", "extract", "--format", "markdown", str(SITE / "manual/chain.html")], stdout=subprocess.PIPE).stdout.decode()
    claim("## Steps" in mark and "```" in mark, "--format markdown keeps headings and code", mark)
    raw = subprocess.run([build + "/trommel", "extract", "--format", "msgpack", str(SITE / "about.html")], stdout=subprocess.PIPE).stdout
    import msgpack
    claim(msgpack.unpackb(raw, strict_map_key=False)["v"] == 1, "--format msgpack is one map a page")
    return bad


sys.exit(main())
