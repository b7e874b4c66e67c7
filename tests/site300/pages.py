"""The site's pages as HTML text, a function for each kind."""
import html
import json
from words import NAMES, Dice, cap, paragraph, passage, sentence, title

MONTHS = "January February March April May June July August September October November December".split()
SECTIONS = [("/news/", "News"), ("/shop/", "Shop"), ("/forum/", "Forum"), ("/manual/", "Manual"), ("/languages/", "Languages"),
            ("/coded/", "Codings"), ("/files/", "Files"), ("/links/", "Links")]


def esc(text):
    return html.escape(text, quote=True)


def shell(head, body, lang="en", name="The Valley Courier", charset="utf-8"):
    """A page with the site's header, sidebar and footer around its body."""
    nav = "".join(f'<li><a href="{at}">{text}</a></li>' for at, text in SECTIONS)
    meta = f'<meta charset="{charset}">' if charset else ""
    return f"""<!DOCTYPE html>
<html lang="{lang}"><head>{meta}{head}</head>
<body><header class="site-header"><a href="/">{name}</a><nav><ul class="menu">{nav}</ul></nav></header>
<div class="wrap">{body}
<aside class="sidebar"><h3>About us</h3><p>Local reports since 1887. Subscribe for two crowns a week.</p>
<p><a href="https://social.example/courier">Follow us</a> · <a href="https://social.example/feed">Share</a></p></aside></div>
<footer><p>© 2024 {name}. All rights reserved. <a href="https://legal.example/privacy">Privacy</a></p></footer></body></html>
"""


def bare(text_title, body, lang="en", charset="utf-8"):
    meta = f'<meta charset="{charset}">' if charset else ""
    return f'<!DOCTYPE html>\n<html lang="{lang}"><head>{meta}<title>{esc(text_title)}</title></head>\n<body>{body}</body></html>\n'


def listing(heading, rows, pages=""):
    """rows: (URL, title, summary) each."""
    items = "".join(f'<li class="item"><h2><a href="{at}">{esc(text)}</a></h2><p>{esc(more)}</p></li>\n' for at, text, more in rows)
    body = f'<main><h1>{esc(heading)}</h1><ul class="list">\n{items}</ul>{pages}</main>'
    return shell(f"<title>{esc(heading)} - The Valley Courier</title>", body)


class Article:
    def __init__(self, nr):
        d = Dice(f"article {nr}")
        self.nr, self.title, self.author = nr, title(d), d.pick(NAMES)
        self.year, self.month, self.day = 2019 + nr % 6, 1 + d.throw(12), 1 + d.throw(28)
        self.paragraphs = [paragraph(d) for _ in range(4 + d.throw(5))]
        self.slug = f"{nr:03d}-" + "-".join("".join(c for c in self.title.lower() if c.isascii() and (c.isalpha() or c == " ")).split()[:5])
        self.path = f"/news/{self.year}/{self.slug}.html"

    @property
    def date(self):
        return f"{self.year}-{self.month:02d}-{self.day:02d}"

    @property
    def summary(self):
        return self.paragraphs[0].split(". ")[0].rstrip(".") + "."

    def head(self, port):
        """Each third article says who and when in JSON-LD, the next in meta elements, the next in its text only."""
        lines = [f"<title>{esc(self.title)} | The Valley Courier</title>", f'<meta name="description" content="{esc(self.summary)}">']
        at = f"http://127.0.0.1:{port}{self.path}"
        if self.nr % 3 == 0:
            data = {"@context": "https://schema.org", "@type": "NewsArticle", "headline": self.title, "datePublished": self.date + "T08:30:00+01:00",
                    "author": {"@type": "Person", "name": self.author}, "image": f"https://img.example/{self.nr}.jpg"}
            lines.append(f'<script type="application/ld+json">{json.dumps(data)}</script>')
        elif self.nr % 3 == 1:
            lines += [f'<meta property="og:title" content="{esc(self.title)}">', '<meta property="og:site_name" content="The Valley Courier">',
                      f'<meta property="article:published_time" content="{self.date}">', f'<meta name="author" content="{self.author}">']
        if self.nr % 2 == 0:
            lines.append(f'<link rel="canonical" href="{at}">')
        return "\n".join(lines)

    def text(self):
        return "\n".join(f"<p>{esc(p)}</p>" for p in self.paragraphs)

    def page(self, port, more):
        """more: links at the article's end."""
        when = f'<time datetime="{self.date}">{self.day} {MONTHS[self.month - 1]} {self.year}</time>'
        related = "".join(f'<li><a href="{at}">{esc(text)}</a></li>' for at, text in more)
        body = f"""<main><article><h1>{esc(self.title)}</h1><p class="byline">By <span class="author">{self.author}</span>, {when}</p>
{self.text()}
</article><section class="related"><h3>Read more</h3><ul>{related}</ul></section></main>"""
        return shell(self.head(port), body)

    def print_view(self):
        return bare(self.title, f"<h1>{esc(self.title)}</h1><p>{self.author}, {self.date}</p>{self.text()}<p>Printed from The Valley Courier</p>")

    def wire_copy(self):
        """As an agency sent it: one sentence changed, another frame."""
        parts = list(self.paragraphs)
        parts[-1] += " " + sentence(Dice(f"agency {self.nr}"))
        text = "".join(f"<p>{esc(p)}</p>\n" for p in parts)
        return shell(f"<title>{esc(self.title)} - Wire</title>", f'<div class="content"><h2>{esc(self.title)}</h2>{text}<p>(agency)</p></div>', name="Wire")


COLOURS = ["oak", "slate", "copper", "indigo", "moss", "amber", "chalk", "rust"]


def product_name(nr):
    goods = ["lantern", "barometer", "kettle", "rope ladder", "signal bell", "seed tray", "folding rule", "oil can", "deck chair", "wall clock"]
    return f"{cap(COLOURS[nr * 3 % 8])} {goods[nr % 10]} No. {nr + 100}"


def product(nr):
    d = Dice(f"product {nr}")
    name, price, text = product_name(nr), f"{5 + d.throw(300)}.{d.throw(10)}0", paragraph(d, 4, 6)
    data = {"@context": "https://schema.org", "@type": "Product", "name": name, "sku": f"VC-{nr:04d}", "description": text,
            "brand": {"@type": "Brand", "name": "Valley Works"},
            "offers": {"@type": "Offer", "price": price, "priceCurrency": "EUR", "availability": "https://schema.org/InStock"}}
    rows = "".join(f"<tr><th>{k}</th><td>{v}</td></tr>" for k, v in
                   [("Weight", f"{200 + d.throw(4000)} g"), ("Height", f"{5 + d.throw(90)} cm"), ("Made of", d.pick(COLOURS))])
    body = f"""<main class="product"><h1>{name}</h1><p class="price">{price} €</p><button>Add to basket</button>
<div class="description"><p>{esc(text)}</p><p>{esc(paragraph(d))}</p></div><table class="specs">{rows}</table>
<h3>You may also like</h3><ul><li><a href="/shop/item-{(nr + 7) % 40}">{product_name((nr + 7) % 40)}</a></li></ul></main>"""
    return shell(f'<title>{name} - Valley Shop</title><script type="application/ld+json">{json.dumps(data)}</script>', body, name="Valley Shop")


def thread_title(nr):
    return title(Dice(f"thread {nr}"))


def thread(nr, page, pages):
    d, posts = Dice(f"thread {nr} {page}"), ""
    for k in range(4 + d.throw(4)):
        who = d.pick(NAMES).split()[0].lower() + str(d.throw(90))
        posts += (f'<div class="post" id="p{page}-{k}"><div class="user"><b>{who}</b> Posts: {d.throw(4000)}</div>'
                  f'<div class="body"><p>{esc(paragraph(d, 1, 4))}</p></div><div class="date">{1 + d.throw(28)} May 2023, {d.throw(24):02d}:15</div></div>\n')
    turn = "".join(f'<a href="/forum/thread-{nr}{"" if p == 1 else f"?page={p}"}">{p}</a> ' for p in range(1, pages + 1))
    body = f'<main class="thread"><h1>{esc(thread_title(nr))}</h1>\n{posts}<div class="pagination">{turn}</div></main>'
    return shell(f"<title>{esc(thread_title(nr))} - Forum</title>", body, name="Valley Forum")


def manual_title(nr):
    return f"{cap(Dice(f'manual {nr}').pick(['install', 'set up', 'configure', 'check', 'tune', 'back up', 'move', 'extend']))} part {nr}"


def manual(nr, paragraphs=1):
    d = Dice(f"manual text {nr}")
    side = "".join(f'<li><a href="/manual/part-{k}.html">{manual_title(k)}</a></li>' for k in range(max(0, nr - 4), min(30, nr + 5)))
    text = ""
    for k in range(3):
        code = "\n".join(f"valley {d.pick(['set', 'get', 'list', 'drop'])} --{d.pick(COLOURS)}={d.throw(900)} file-{d.throw(99)}.conf" for _ in range(3))
        prose = "".join(f"<p>{esc(paragraph(d))}</p>" for _ in range(paragraphs))
        text += f'<h2 id="s{k}">{nr}.{k} {cap(d.pick(COLOURS))} options</h2>{prose}<pre><code>{esc(code)}</code></pre>\n'
    table = "".join(f"<tr><td><code>--{c}</code></td><td>{d.throw(100)}</td><td>{esc(sentence(d))}</td></tr>" for c in COLOURS[:4])
    body = f"""<div class="docs"><nav class="toc"><ul>{side}</ul></nav><main><h1>{manual_title(nr)}</h1><p>See also <a href="#s1">below</a>.</p>{text}
<table><thead><tr><th>Option</th><th>Default</th><th>Meaning</th></tr></thead><tbody>{table}</tbody></table></main></div>"""
    return shell(f"<title>{manual_title(nr)} - Manual</title>", body, name="Valley Manual")


def foreign(lang, charset, where):
    """A passage with little around it; the encoding is named in a meta element if where is meta."""
    head, parts = passage(lang)
    text = "".join(f"<p>{esc(p)}</p>\n" for p in parts)
    body = f"<article><h1>{esc(head)}</h1>\n{text}<p>{charset}, {where}</p></article>"
    return bare(head, body, lang, charset if where == "meta" else "")


def leaf(name):
    """A page without links."""
    d = Dice(name)
    return bare(f"{title(d)} ({name})", f"<main><h1>{esc(title(d))}</h1>" + "".join(f"<p>{esc(paragraph(d))}</p>" for _ in range(4)) + "</main>")
