#!/usr/bin/python3
"""diff_page.py FILE: is the page that `trommel diff --html` wrote whole, and does it need nothing from elsewhere?

Prints `whole` or what is wrong, a line each; with --text what its <ins> and <del> say, with --unseen the characters that
it shows by their numbers.
"""
import re
import sys
from html.parser import HTMLParser

VOID = {"meta", "br"}
KNOWN = VOID | {"html", "head", "title", "style", "body", "h1", "h2", "h3", "p", "div", "span", "small", "b", "bdi", "a", "table", "tr",
                "th", "td", "ul", "li", "del", "ins", "details", "summary"}
ATTRIBUTES = {"lang", "charset", "http-equiv", "content", "name", "id", "class", "dir", "href", "open"}


class Page(HTMLParser):
    def __init__(self):
        super().__init__(convert_charrefs=True)
        self.open, self.wrong, self.ids, self.hrefs, self.marked, self.unseen, self.style = [], [], set(), [], [], [], ""

    def handle_starttag(self, tag, attrs):
        if tag not in KNOWN:
            self.wrong.append(f"<{tag}>: no element of ours")
        for name, value in attrs:
            if name not in ATTRIBUTES:
                self.wrong.append(f"{tag} {name}=…: no attribute of ours")
            if name == "id":
                self.ids.add(value)
            if name == "href":
                self.hrefs.append(value)
        if tag not in VOID:
            self.open.append(tag)
        if tag in ("ins", "del"):
            self.marked.append([tag, ""])

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.wrong.append(f"</{tag}>: ends what is not open")

    def handle_data(self, data):
        inner = self.open[-1] if self.open else ""
        if inner == "style":
            self.style += data
        if inner == "b" and re.fullmatch(r"U\+[0-9A-F]{4,}", data):
            self.unseen.append(data)
        if "ins" in self.open or "del" in self.open:
            self.marked[-1][1] += data
        elif not self.open and data.strip():
            self.wrong.append(f"text outside: {data[:40]!r}")


source = open(sys.argv[1], encoding="utf-8", errors="strict").read()
page = Page()
page.feed(source)
page.close()
wrong = page.wrong + [f"<{t}> is never ended" for t in page.open]
wrong += [f"link to {h!r}" for h in page.hrefs if not (h.startswith("#") and h[1:] in page.ids)]
wrong += [f"the style names {w}" for w in ("url(", "@import", "expression(") if w in page.style]
wrong += [f"U+{ord(c):04X} as it is" for c in sorted(set(source)) if re.match(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]", c)]
if not source.startswith("<!DOCTYPE html>"):
    wrong.append("no doctype")
if "--text" in sys.argv:
    print("\n".join(f"{tag} {' '.join(text.split())}" for tag, text in page.marked))
elif "--unseen" in sys.argv:
    print(" ".join(page.unseen))
else:
    print("\n".join(wrong) or "whole")
