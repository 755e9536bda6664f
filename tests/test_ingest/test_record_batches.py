"""The quick reader of record batches, against kafka-python's own."""

from __future__ import annotations

import struct
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kafka import TopicPartition
from kafka.consumer.fetcher import Fetcher
from kafka.errors import CorruptRecordError
from kafka.protocol.consumer import IsolationLevel
from kafka.record.default_records import DefaultRecordBatch, DefaultRecordBatchBuilder
from kafka.record.memory_records import MemoryRecords
from kafka.record.util import calc_crc32c

from ingest.record_batches import RawName, _PartitionRecords, unpack

TP = TopicPartition("posts", 3)
CONTROL, LOG_APPEND_TIME = 0x20, 0x08
CODECS = {"none": 0, "gzip": 1, "snappy": 2, "lz4": 3, "zstd": 4}
Rows = list[tuple[int, int, bytes | None, bytes | None, list[tuple[str, bytes | None]]]]
"""Offset, timestamp, key, value and headers of each record."""


def build(
    rows: Rows, *, codec: str = "none", base: int = 0, epoch: int = 0, attributes: int = 0, producer: int = -1
) -> bytes:
    """The bytes of a batch, as a broker would have stored it."""
    builder = DefaultRecordBatchBuilder(
        magic=2, compression_type=CODECS[codec], is_transactional=producer >= 0,
        producer_id=producer, producer_epoch=0 if producer >= 0 else -1, base_sequence=0 if producer >= 0 else -1,
        batch_size=1 << 30,
    )  # fmt: skip
    for offset, timestamp, key, value, headers in rows:
        assert builder.append(offset, timestamp, key, value, headers) is not None
    return patch(bytes(builder.build()), base, epoch, attributes)


def patch(batch: bytes, base: int = 0, epoch: int = 0, attributes: int = 0) -> bytes:
    """`batch` with what the broker writes into it, and a checksum that fits."""
    patched = bytearray(batch)
    struct.pack_into(">q", patched, 0, base)
    struct.pack_into(">i", patched, 8, len(patched) - 12)
    struct.pack_into(">i", patched, 12, epoch)
    at = DefaultRecordBatch.ATTRIBUTES_OFFSET
    struct.pack_into(">h", patched, at, struct.unpack_from(">h", patched, at)[0] | attributes)
    struct.pack_into(">I", patched, DefaultRecordBatch.CRC_OFFSET, calc_crc32c(memoryview(patched)[at:]))
    return bytes(patched)


def marker(base: int, producer: int, *, abort: bool) -> bytes:
    """The control batch that ends a transaction."""
    key, value = struct.pack(">hh", 0, 0 if abort else 1), struct.pack(">hi", 0, 0)
    return build([(0, 5, key, value, [])], base=base, attributes=CONTROL, producer=producer)


def read(data: bytes, reader: Any = _PartitionRecords, **options: Any) -> tuple[list[Any], int]:
    """All records of an answer to a fetch, and the offset to fetch next."""
    records = reader(options.pop("fetch_offset", 0), TP, MemoryRecords(data), **options)
    return records.take(), records.next_fetch_offset


def both(data: bytes, **options: Any) -> tuple[list[Any], int]:
    """The same from our reader, after making sure that kafka-python's reads the same."""
    found, theirs = read(data, **options), read(data, Fetcher.PartitionRecords, **options)
    assert [tuple(record) for record in found[0]] == [tuple(record) for record in theirs[0]]
    assert {type(record) for record in found[0]} <= {type(record) for record in theirs[0]}
    assert found[1] == theirs[1]
    return found


SIZES = st.sampled_from([0, 1, 62, 63, 64, 65, 8190, 8191, 8192, 8193, 20_000]) | st.integers(0, 20_000)
BLOB = st.none() | st.binary(max_size=80) | SIZES.map(lambda size: b"\x80x" * (size // 2) + b"y" * (size % 2))
HEADERS = st.lists(st.tuples(st.text(max_size=70), BLOB), max_size=3)
RECORDS = st.tuples(st.integers(1, 20_000) | st.just(1), st.integers(-(2**40), 2**40), BLOB, BLOB, HEADERS)


@st.composite
def batches(draw: st.DrawFn) -> Rows:
    """Records with gaps between their offsets, as compaction leaves them."""
    offset, rows = -1, []
    first = draw(st.integers(2**41, 2**42))
    for gap, shift, key, value, headers in draw(st.lists(RECORDS, min_size=1, max_size=6)):
        offset += gap
        rows.append((offset, first + shift, key, value, headers))
    return rows


@settings(max_examples=150, deadline=None)
@given(
    parts=st.lists(batches(), min_size=1, max_size=3),
    codec=st.sampled_from(sorted(CODECS)),
    attributes=st.sampled_from([0, LOG_APPEND_TIME]),
    start=st.integers(0, 2**50),
    epoch=st.integers(-1, 1000),
    skipped=st.integers(0, 3),
)
def test_records_are_those_that_kafka_python_reads(
    parts: list[Rows], codec: str, attributes: int, start: int, epoch: int, skipped: int
) -> None:
    data, base = b"", start
    for rows in parts:
        data += build(rows, codec=codec, base=base, epoch=epoch, attributes=attributes)
        base += rows[-1][0] + 1
    found, position = both(data, fetch_offset=start + skipped)
    assert position == base
    assert {record.value for record in found} <= {row[3] for rows in parts for row in rows}


@pytest.mark.parametrize("codec", sorted(CODECS))
def test_every_compression_is_read(codec: str) -> None:
    rows: Rows = [(i, 7 + i, b"k", b"value " * 50, [("h", None), ("h", b"1")]) for i in range(20)]
    data = build(rows, codec=codec, base=100)
    assert DefaultRecordBatch(data).compression_type == CODECS[codec]
    found, position = both(data)
    assert [(r.offset - 100, r.timestamp, r.key, r.value, r.headers) for r in found] == rows
    assert position == 120


def test_an_answer_without_records_is_empty() -> None:
    assert both(b"", fetch_offset=9) == ([], 9)


def test_a_batch_cut_off_by_the_end_of_the_answer_is_left_for_the_next_fetch() -> None:
    whole = build([(0, 1, b"a", b"b", [])])
    found, position = both(whole + build([(0, 1, b"c", b"d", [])], base=1)[:-3])
    assert [record.key for record in found] == [b"a"]
    assert position == 1


@pytest.mark.parametrize("raw", [b"\xff", b"caf\xe9", b"\xed\xa0\x80", b"ok\x80"])
def test_a_header_name_that_is_not_utf8_is_kept_as_it_came(raw: bytes) -> None:
    placeholder = "N" * len(raw)
    batch = build([(0, 1, b"k", b"v", [("a", b"1"), (placeholder, b"2")]), (1, 1, None, b"w", [])])
    data = patch(batch.replace(placeholder.encode(), raw))
    found, _ = read(data)
    assert [record.value for record in found] == [b"v", b"w"]
    (plain, _), (name, value) = found[0].headers
    assert type(plain) is str
    assert isinstance(name, RawName)
    assert "\ufffd" in name
    assert value == b"2"
    assert name.encode("utf-8") == raw
    again = patch(build([(0, 1, b"k", b"v", [("a", b"1"), (name, b"2")]), (1, 1, None, b"w", [])]))
    assert again == data


def test_a_batch_whose_bytes_changed_fails_its_checksum() -> None:
    data = bytearray(build([(0, 1, b"key", b"value", [])]))
    data[-2] ^= 1
    with pytest.raises(CorruptRecordError, match="checksum"):
        read(bytes(data))


def test_a_truncated_batch_is_corrupt_wherever_it_was_cut() -> None:
    whole = build(
        [(0, 1, b"key", b"value", [("name", b"content")]), (1, 1, b"key", b"v" * 200, [("name", b"content")])]
    )
    for cut in range(1, len(whole) - DefaultRecordBatch.HEADER_STRUCT.size):
        with pytest.raises(CorruptRecordError):
            list(unpack(DefaultRecordBatch(patch(whole[:-cut])), "posts", 3))


@settings(max_examples=200, deadline=None)
@given(at=st.integers(0, 60), byte=st.integers(0, 255))
def test_a_record_of_broken_lengths_is_read_or_corrupt(at: int, byte: int) -> None:
    data = bytearray(build([(0, 1, b"key", b"value", [("name", b"content")]), (1, 1, b"k", b"v" * 20, [])]))
    where = DefaultRecordBatch.HEADER_STRUCT.size + at % (len(data) - DefaultRecordBatch.HEADER_STRUCT.size)
    data[where] = byte
    try:
        found = list(unpack(DefaultRecordBatch(patch(bytes(data))), "posts", 3))
    except CorruptRecordError:
        return
    assert len(found) == 2


def test_the_records_before_a_corrupt_batch_are_handed_out_first() -> None:
    broken = bytearray(build([(0, 1, b"c", b"d", [])], base=1))
    broken[-2] ^= 1
    records = _PartitionRecords(0, TP, MemoryRecords(build([(0, 1, b"a", b"b", [])]) + bytes(broken)))
    assert [record.key for record in records.take()] == [b"a"]
    with pytest.raises(CorruptRecordError):
        records.take()


class _Aborted:
    def __init__(self, producer_id: int, first_offset: int) -> None:
        self.producer_id, self.first_offset = producer_id, first_offset


def _transactions() -> bytes:
    return b"".join(
        [
            build([(0, 1, b"aborted", b"1", [])], base=0, producer=7),
            build([(0, 1, b"committed", b"2", [])], base=1, producer=8),
            build([(0, 1, b"plain", b"3", [])], base=2),
            marker(3, 7, abort=True),
            marker(4, 8, abort=False),
            build([(0, 1, b"later", b"4", [])], base=5, producer=7),
            marker(6, 7, abort=False),
        ]
    )


def test_records_of_aborted_transactions_are_not_read() -> None:
    found, position = both(
        _transactions(), isolation_level=IsolationLevel.READ_COMMITTED, aborted_transactions=[_Aborted(7, 0)]
    )
    assert [record.key for record in found] == [b"committed", b"plain", b"later"]
    assert position == 7


def test_a_reader_of_uncommitted_records_sees_all_but_control_batches() -> None:
    found, position = both(_transactions(), isolation_level=IsolationLevel.READ_UNCOMMITTED)
    assert [record.key for record in found] == [b"aborted", b"committed", b"plain", b"later"]
    assert position == 7
