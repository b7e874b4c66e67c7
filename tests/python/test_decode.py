"""A record's msgpack as Python objects."""

import struct
import unittest

from trommel import _core
from trommel._page import pack

VALUE = {
    "a": None,
    "b": [True, False, 0, 1, -1, -32, -33, 127, 128, 255, 65536, 2**32, 2**63 - 1, -(2**31), -(2**63)],
    "text": "grün",
    "long": "x" * 70000,
    "real": 1.5,
    "deep": {"er": [[[{}]]]},
    "list": [],
    "k" * 40: "a long key",
}


class Decode(unittest.TestCase):
    def test_a_value_comes_out_otherwise(self):
        self.assertEqual(_core.decode(pack(VALUE)), VALUE)

    def test_a_short_form_is_misread(self):
        for raw, want in (
            (b"\x05", 5),
            (b"\xff", -1),
            (b"\xe0", -32),
            (b"\x82\xa1a\x01\xa1b\x90", {"a": 1, "b": []}),
            (b"\xcc\xff", 255),
            (b"\xcd\xff\xff", 65535),
            (b"\xce\xff\xff\xff\xff", 2**32 - 1),
            (b"\xcf" + b"\xff" * 8, 2**64 - 1),
            (b"\xd0\x80", -128),
            (b"\xd1\x80\x00", -32768),
            (b"\xd2\x80\x00\x00\x00", -(2**31)),
            (b"\xca" + struct.pack(">f", 0.25), 0.25),
            (b"\xc4\x02\x00\xff", b"\x00\xff"),
            (b"\xc5\x00\x01z", b"z"),
            (b"\xc6\x00\x00\x00\x01z", b"z"),
            (b"\xd9\x01z", "z"),
            (b"\xda\x00\x01z", "z"),
            (b"\xdc\x00\x01\xc0", [None]),
            (b"\xde\x00\x01\xa1z\xc3", {"z": True}),
        ):
            self.assertEqual(_core.decode(raw), want)

    def test_the_keys_of_one_record_show_in_another(self):
        for i in range(2000):
            key = f"k{i}"
            self.assertEqual(_core.decode(pack({key: i})), {key: i})

    def test_bytes_are_missing(self):
        whole = pack(dict(VALUE, long="x" * 10))
        for n in range(len(whole)):
            with self.assertRaises(ValueError):
                _core.decode(whole[:n])

    def test_bytes_are_left_over(self):
        with self.assertRaises(ValueError):
            _core.decode(pack(VALUE) + b"\xc0")

    def test_a_length_lies(self):
        for head in (
            b"\xdd\xff\xff\xff\xff",
            b"\xdf\xff\xff\xff\xff",
            b"\xdb\xff\xff\xff\xff",
            b"\xc6\xff\xff\xff\xff",
        ):
            with self.assertRaises(ValueError):
                _core.decode(head + b"\xc0" * 100)

    def test_nesting_has_no_bound(self):
        _core.decode(b"\x91" * 63 + b"\xc0")
        for n in (64, 1000000):
            with self.assertRaises(ValueError):
                _core.decode(b"\x91" * n + b"\xc0")

    def test_what_records_do_not_have_is_taken(self):
        for raw in (b"\xc1", b"\xd4\x01\x00", b"\xc7\x01\x01\x00", b"\xa1\xff", b"\x81\x80\xc0"):
            with self.assertRaises((ValueError, TypeError)):
                _core.decode(raw)
