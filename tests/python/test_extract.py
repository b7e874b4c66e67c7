"""trommel.extract: one page, nothing opened."""

import os
import threading
import unittest

import trommel
from pages import STORY, number


class Extract(unittest.TestCase):
    def test_a_page_is_not_read(self):
        record = trommel.extract(STORY % (1, 2), url="http://story.test/1")
        self.assertEqual(record["outcome"], {"code": "ok", "reason": None})
        self.assertEqual(record["meta"]["title"], "The lock at Ost")
        self.assertIn("oak from the hills", record["content"]["text"])
        self.assertIn("http://story.test/next?n=2", [link["url"] for link in record["links"]])

    def test_the_charset_is_not_that_of_the_headers(self):
        html = STORY.replace("mayor", "Bürgermeister") % (1, 2)
        for headers in (
            {"Content-Type": "text/html; charset=iso-8859-1"},
            [("content-type", "text/html;charset=latin1")],
            b"Server: x\r\nContent-Type: text/html; charset=windows-1252\r\n",
        ):
            record = trommel.extract(html.encode("latin-1"), headers=headers)
            self.assertIn("Bürgermeister", record["content"]["text"])
            self.assertEqual(record["charset"].lower(), "windows-1252")

    def test_text_is_read_as_its_meta_says(self):
        html = "<meta charset=iso-8859-1>" + STORY.replace("mayor", "Bürgermeister") % (1, 2)
        record = trommel.extract(html, content_type="text/html; charset=latin1")
        self.assertIn("Bürgermeister", record["content"]["text"])

    def test_a_body_is_not_decoded(self):
        import gzip

        record = trommel.extract(
            gzip.compress((STORY % (1, 2)).encode()),
            headers={"Content-Type": "text/html", "Content-Encoding": "gzip"},
        )
        self.assertEqual(record["outcome"]["code"], "ok")

    def test_a_404_is_a_page(self):
        record = trommel.extract(STORY % (1, 2), url="http://story.test/1", status=404)
        self.assertEqual(record["outcome"], {"code": "failed", "reason": "http_404"})

    def test_a_wrong_url_is_no_error(self):
        with self.assertRaises(trommel.Error) as caught:
            trommel.extract("x", url="nowhere")
        self.assertIn('"nowhere": is no absolute URL', str(caught.exception))
        self.assertLess(caught.exception.code, 0)

    def test_a_wrong_option_is_no_error(self):
        with self.assertRaises(trommel.Error) as caught:
            trommel.extract("x", set={"nosuch.x": 1})
        self.assertIn("no stage `nosuch` in the chain", str(caught.exception))

    def test_options_do_not_reach_the_stage(self):
        plain = trommel.extract(STORY % (1, 2))
        self.assertNotIn(
            "markdown", trommel.extract(STORY % (1, 2), set={"boilerplate.markdown": False})["content"]
        )
        self.assertIn("markdown", plain["content"])

    def test_threads_get_each_others_records(self):
        wrong = []

        def some(of):
            for i in range(of, of + 40):
                if number(trommel.extract(STORY % (i, i), url=f"http://story.test/{i}")) != i:
                    wrong.append(i)

        threads = [threading.Thread(target=some, args=(n * 100,)) for n in range(6)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        self.assertEqual(wrong, [])

    def test_a_child_has_no_pipeline_or_harms_its_parents(self):
        trommel.extract(STORY % (1, 2))
        for _ in range(2):
            pid = os.fork()
            if pid == 0:
                good = trommel.extract(STORY % (1, 2))["outcome"]["code"] == "ok"
                from trommel import _default

                _default._close()
                os._exit(0 if good else 1)
            self.assertEqual(os.waitpid(pid, 0)[1], 0)
            self.assertEqual(trommel.extract(STORY % (1, 2))["outcome"]["code"], "ok")

    def test_pipelines_of_many_chains_stay(self):
        from trommel import _default

        for i in range(8):
            trommel.extract(
                "x",
                set={
                    "boilerplate.markdown": i % 2 > 0,
                    "boilerplate.blocks": i % 4 > 1,
                    "boilerplate.mode": "precision" if i > 3 else "default",
                },
            )
        self.assertLessEqual(len(_default._kept), _default.MOST)
