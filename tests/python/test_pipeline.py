"""Pipeline in plain code and in threads."""

import json
import os
import signal
import subprocess
import tempfile
import threading
import unittest

import trommel
from pages import number, page

TROMMEL = os.path.join(os.environ["TROMMEL_BUILD"], "trommel")
CRASHER = os.path.join(os.environ["TROMMEL_BUILD"], "test/plugin/crasher.so")


def delivered(folder):
    lines = subprocess.run([TROMMEL, "cat", folder], stdout=subprocess.PIPE, check=True).stdout.splitlines()
    return [json.loads(line) for line in lines]


class Plain(unittest.TestCase):
    def test_map_loses_a_page_or_gives_it_twice(self):
        with trommel.Pipeline(workers=2) as pipeline:
            records = list(pipeline.map(page(i) for i in range(400)))
            self.assertEqual(sorted(map(number, records)), list(range(400)))
            self.assertEqual(sum(pipeline.counts.values()), 400)
            self.assertGreater(pipeline.cpu_us, 0)

    def test_the_order_is_lost(self):
        with trommel.Pipeline(workers=2, ordered=True) as pipeline:
            self.assertEqual([number(r) for r in pipeline.map(page(i) for i in range(200))], list(range(200)))

    def test_map_reads_far_ahead(self):
        taken = 0

        def source():
            nonlocal taken
            for i in range(5000):
                taken += 1
                yield page(i)

        with trommel.Pipeline(workers=1, queue=8) as pipeline:
            records = pipeline.map(source())
            for given in range(1, 200):
                next(records)
                self.assertLess(taken - given, 200)
            records.close()
            for _ in pipeline:
                pass

    def test_records_come_when_nothing_is_pending(self):
        with trommel.Pipeline(workers=1) as pipeline:
            self.assertIsNone(pipeline.next())
            pipeline.submit(page(1))
            self.assertEqual(pipeline.pending, 1)
            self.assertEqual(number(pipeline.next()), 1)
            self.assertEqual(pipeline.pending, 0)
            self.assertIsNone(pipeline.next(timeout=0))

    def test_no_room_is_an_error(self):
        with trommel.Pipeline(workers=1, queue=1) as pipeline:
            for i in range(300):
                pipeline.submit(page(i))
            self.assertEqual(sorted(map(number, pipeline)), list(range(300)))

    def test_a_chain_from_code_is_not_the_one_that_runs(self):
        with trommel.Pipeline(["layout", ("boilerplate", {"markdown": False})], workers=1) as pipeline:
            record = pipeline.run(page(1)).record
        self.assertEqual([s["id"] for s in record["chain"]["stages"]], ["layout", "boilerplate"])
        self.assertNotIn("markdown", record["content"])
        with trommel.Pipeline([], workers=1) as pipeline:
            self.assertEqual(pipeline.run(page(1)).record["chain"]["stages"], [])

    def test_a_chain_from_a_file_is_not_the_one_that_runs(self):
        with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
            file.write("chain: [boilerplate]\n")
            file.flush()
            with trommel.Pipeline(file.name, workers=1) as pipeline:
                stages = pipeline.run(page(1)).record["chain"]["stages"]
        self.assertEqual([s["id"] for s in stages], ["boilerplate"])

    def test_a_record_is_not_at_the_sink_when_it_comes_out(self):
        with tempfile.TemporaryDirectory() as folder:
            with trommel.Pipeline(workers=1, out=folder) as pipeline:
                for i in range(5):
                    pipeline.submit(page(i))
                seen = {number(pipeline.next()) for _ in range(2)}
                self.assertLessEqual(seen, set(map(number, delivered(folder))))
            self.assertEqual(sorted(map(number, delivered(folder))), list(range(5)))

    def test_leaving_loses_what_is_pending(self):
        with tempfile.TemporaryDirectory() as folder:
            with trommel.Pipeline(workers=1, out=folder, records="none") as pipeline:
                for i in range(100):
                    pipeline.submit(page(i))
            self.assertEqual(len(delivered(folder)), 100)

    def test_the_kind_of_records_is_another(self):
        with trommel.Pipeline(workers=1, records="bytes") as pipeline:
            raw = pipeline.run(page(1)).record
            self.assertEqual(number(trommel._core.decode(raw)), 1)
        with trommel.Pipeline(workers=1, records="none") as pipeline:
            self.assertEqual(pipeline.run(page(1))[:2], (None, "ok"))
        with self.assertRaises(ValueError):
            trommel.Pipeline(records="json")

    def test_a_refused_page_ends_the_pipeline(self):
        with trommel.Pipeline(workers=1) as pipeline:
            with self.assertRaises(trommel.Error):
                pipeline.submit(trommel.Page("x", url="nowhere"))
            with self.assertRaises(trommel.Error):
                pipeline.submit(trommel.Page(b"x" * (9 << 20)))
            self.assertEqual(pipeline.pending, 0)
            self.assertEqual(pipeline.run(page(1)).outcome, "ok")

    def test_a_closed_one_is_used(self):
        pipeline = trommel.Pipeline(workers=1)
        pipeline.submit(page(1))
        pipeline.close()
        pipeline.close()
        for use in (
            lambda: pipeline.submit(page(1)),
            pipeline.next,
            pipeline.fileno,
            lambda: pipeline.run(page(1)),
        ):
            with self.assertRaises(trommel.Error) as caught:
                use()
            self.assertIn("it is closed", str(caught.exception))

    def test_what_is_said_of_the_page_is_not_in_its_record(self):
        said = page(
            1,
            id="mine",
            final_url="http://story.test/final",
            fetched_ms=1764000000000,
            fetch={"ip": "192.0.2.1", "redirects": ["http://story.test/0"], "depth": 3, "tls": None},
        )
        with trommel.Pipeline(workers=1) as pipeline:
            record = pipeline.run(said).record
        self.assertEqual(
            (record["id"], record["final_url"], record["fetched_at"][:10]),
            ("mine", "http://story.test/final", "2025-11-24"),
        )
        self.assertEqual(record["fetch"], said.fetch)
        with self.assertRaises(TypeError):
            page(1, fetch={"ip": object()}).arguments()

    def test_what_has_no_page_has_no_record(self):
        with trommel.Pipeline(workers=1) as pipeline:
            record = pipeline.run(
                trommel.Page(b"", url="http://story.test/1", failed="timeout", status=0)
            ).record
            self.assertEqual(record["outcome"], {"code": "failed", "reason": "timeout"})

    def test_a_deadline_does_not_end_the_wait(self):
        """The worker would hold the page for a minute."""
        with trommel.Pipeline(
            [(CRASHER, {"hold": True})], workers=1, page_timeout=6, stage_timeout=6
        ) as pipeline:
            record = pipeline.run(
                trommel.Page("<p>MARK-HOLD", url="http://story.test/1", deadline=0.05)
            ).record
            self.assertEqual(record["outcome"], {"code": "failed", "reason": "deadline"})

    def test_something_is_left_behind(self):
        def counts():
            with open(f"/proc/self/task/{os.getpid()}/children", encoding="ascii") as children:
                return len(os.listdir("/proc/self/fd")), len(children.read().split())

        before = counts()
        for _ in range(5):
            with trommel.Pipeline(workers=2) as pipeline:
                pipeline.run(page(1))
        trommel.Pipeline(workers=1)  # closed by nobody
        self.assertEqual(counts(), before)


class Threads(unittest.TestCase):
    def test_threads_that_submit_and_wait_lose_a_page(self):
        got, lock = [], threading.Lock()
        with trommel.Pipeline(workers=2, queue=4) as pipeline:

            def work(of):
                for i in range(of, of + 100):
                    record = pipeline.run(page(i)).record
                    with lock:
                        got.append((i, number(record)))

            threads = [threading.Thread(target=work, args=(n * 1000,)) for n in range(8)]
            for t in threads:
                t.start()
            for t in threads:
                t.join()
        self.assertEqual(len(got), 800)
        self.assertEqual([pair for pair in got if pair[0] != pair[1]], [])

    def test_one_that_waits_holds_the_others_and_signals(self):
        """The worker never lets the page go: the other thread must get its turn, and its signal end the wait."""

        class Enough(Exception):
            pass

        def enough(*_):
            raise Enough

        pipeline = trommel.Pipeline([(CRASHER, {"hold": True})], workers=1, page_timeout=6, stage_timeout=6)
        before = signal.signal(signal.SIGUSR1, enough)
        pipeline.submit("<p>MARK-HOLD")
        waiting, main = threading.Event(), threading.main_thread().ident

        def interrupt():
            waiting.wait()
            signal.pthread_kill(main, signal.SIGUSR1)

        thread = threading.Thread(target=interrupt)
        thread.start()
        with self.assertRaises(Enough):
            waiting.set()
            pipeline.next()
        self.assertEqual(pipeline.pending, 1)  # it was not the record that ended the wait
        thread.join()
        signal.signal(signal.SIGUSR1, before)
        pipeline.close()


class Changes(unittest.TestCase):
    def test_a_change_does_not_reach_later_pages(self):
        with trommel.Pipeline(workers=1) as pipeline:
            before = pipeline.run(page(1)).record
            change = pipeline.change("set", id="boilerplate", set={"markdown": False}, no_probation=True)
            after = pipeline.run(page(2)).record
            self.assertIn("markdown", before["content"])
            self.assertNotIn("markdown", after["content"])
            self.assertEqual(after["chain"]["generation"], change.live)
            pipeline.change("remove", id="dedupe", no_golden=True, no_probation=True)
            self.assertNotIn("dedupe", [s["id"] for s in pipeline.run(page(3)).record["chain"]["stages"]])

    def test_a_wrong_change_is_not_said_or_harms_the_chain(self):
        with trommel.Pipeline(workers=1) as pipeline:
            with self.assertRaises(trommel.Error) as caught:
                pipeline.change("set", id="nosuch", set={"x": 1})
            self.assertIn("nosuch", str(caught.exception))
            with self.assertRaises(ValueError):
                pipeline.change("set", ident="boilerplate")
            with self.assertRaises(ValueError):
                pipeline.change("paint")
            self.assertEqual(pipeline.run(page(1)).outcome, "ok")
