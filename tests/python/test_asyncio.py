"""Pipeline within an asyncio loop."""

import asyncio
import os
import unittest

import trommel
from pages import number, page

CRASHER = os.path.join(os.environ["TROMMEL_BUILD"], "test/plugin/crasher.so")


class Asyncio(unittest.IsolatedAsyncioTestCase):
    async def test_process_gives_anothers_record(self):
        async with trommel.Pipeline(workers=2, queue=4) as pipeline:
            records = await asyncio.gather(*(pipeline.process(page(i)) for i in range(500)))
            self.assertEqual(list(map(number, records)), list(range(500)))

    async def test_stream_loses_a_page(self):
        async with trommel.Pipeline(workers=2, queue=4) as pipeline:
            got = [number(r) async for r in pipeline.stream(page(i) for i in range(500))]
            self.assertEqual(sorted(got), list(range(500)))

    async def test_stream_loses_the_order(self):
        async with trommel.Pipeline(workers=2, ordered=True) as pipeline:
            got = [number(r) async for r in pipeline.stream(page(i) for i in range(200))]
            self.assertEqual(got, list(range(200)))

    async def test_stream_reads_ahead_of_its_window(self):
        taken = 0

        def plain():
            nonlocal taken
            for i in range(100):
                taken += 1
                yield page(i)

        async def source():
            for one in plain():
                yield one

        async with trommel.Pipeline(workers=1) as pipeline:
            for pages in (plain(), source()):
                taken = given = 0
                async for _ in pipeline.stream(pages, window=5):
                    given += 1
                    self.assertLessEqual(taken - given, 5)
                    await asyncio.sleep(0)
                self.assertEqual((taken, given), (100, 100))

    async def test_the_loop_stands_still(self):
        """Two pages that their workers never let go: all else goes on meanwhile, also for who waits for room."""
        pipeline = trommel.Pipeline(
            [(CRASHER, {"hold": True})], workers=1, queue=1, page_timeout=120, stage_timeout=120
        )
        held = [asyncio.create_task(pipeline.process("<p>MARK-HOLD")) for _ in range(8)]
        for _ in range(100):
            await asyncio.sleep(0.001)
        self.assertEqual(
            [task.done() for task in held], [False] * 8
        )  # they would be, had the loop stood still
        pipeline.close()
        await asyncio.gather(*held, return_exceptions=True)

    async def test_a_cancelled_page_disturbs_others(self):
        async with trommel.Pipeline(workers=1, queue=1) as pipeline:
            tasks = [asyncio.create_task(pipeline.process(page(i))) for i in range(60)]
            await tasks[0]
            for task in tasks[1::2]:
                task.cancel()
            done = await asyncio.gather(*tasks, return_exceptions=True)
            kept = [number(r) for r in done if isinstance(r, dict)]
            self.assertLessEqual({i for i in range(60) if i % 2 == 0}, set(kept))

    async def test_leaving_does_not_wait(self):
        pipeline = trommel.Pipeline(workers=1, queue=1)
        async with pipeline:
            tasks = [asyncio.create_task(pipeline.process(page(i))) for i in range(50)]
            await asyncio.sleep(0)
        self.assertEqual(sum(pipeline.counts.values()), 50)
        self.assertEqual(len(await asyncio.gather(*tasks)), 50)

    async def test_closing_leaves_somebody_waiting(self):
        pipeline = trommel.Pipeline(workers=1, queue=1)
        tasks = [asyncio.create_task(pipeline.process(page(i))) for i in range(50)]
        await asyncio.sleep(0)
        pipeline.close()
        for end in await asyncio.gather(*tasks, return_exceptions=True):
            self.assertIsInstance(end, trommel.Error)

    async def test_a_refused_page_is_not_said_to_who_asked(self):
        pages = [page(0), trommel.Page("x", url="nowhere"), page(2)]
        async with trommel.Pipeline(workers=1) as pipeline:
            refused = []
            got = [
                number(r)
                async for r in pipeline.stream(pages, refused=lambda p, e: refused.append((p.url, e)))
            ]
            self.assertEqual(sorted(got), [0, 2])
            self.assertEqual([url for url, _ in refused], ["nowhere"])
            with self.assertRaises(trommel.Error):
                async for _ in pipeline.stream(pages):
                    pass

    async def test_a_stream_left_early_holds_the_pipeline(self):
        async with trommel.Pipeline(workers=1) as pipeline:
            stream = pipeline.stream(page(i) for i in range(1000))
            await stream.__anext__()
            await stream.aclose()
            self.assertEqual(number(await pipeline.process(page(7))), 7)

    async def test_two_loops_share_one(self):
        async with trommel.Pipeline(workers=1) as pipeline:
            await pipeline.process(page(1))

            def elsewhere():
                async def use():
                    await pipeline.process(page(2))

                asyncio.run(use())

            with self.assertRaises(RuntimeError):
                await asyncio.to_thread(elsewhere)

    async def test_a_change_stops_the_loop_or_does_not_come(self):
        async with trommel.Pipeline(workers=1) as pipeline:
            change, *records = await asyncio.gather(
                pipeline.change_async("set", id="boilerplate", set={"markdown": False}, no_probation=True),
                *(pipeline.process(page(i)) for i in range(20))
            )
            self.assertEqual(sorted(map(number, records)), list(range(20)))
            record = await pipeline.process(page(21))
            self.assertEqual(
                (record["chain"]["generation"], "markdown" in record["content"]), (change.live, False)
            )
