"""Pages for the tests."""

import trommel

STORY = """<!doctype html><html lang="en"><title>The lock at Ost</title><article><h1>The lock at Ost</h1>
<p>The old lock was opened again on Friday, and the first barge went through before the mayor had finished her speech.</p>
<p>Two hundred people had come to see the gates move, which had not been closed since the winter of the great frost.</p>
<p>The keeper says that the wood is oak from the hills nearby, and that it will last for sixty years if kept wet.</p>
<p>Number %d of its kind. <a href="/next?n=%d">The next one</a></p></article>"""


def page(n, **more):
    return trommel.Page(STORY % (n, n + 1), url=f"http://story.test/{n}", **more)


def number(record):
    return int(record["url"].rsplit("/", 1)[1])
