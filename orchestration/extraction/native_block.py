"""Turns rows of PostgreSQL's binary COPY into blocks of ClickHouse's Native format, column by column.

Compiled, as a table has millions of rows. Only the spelling of values belongs here: an integer that is text in the
replica becomes its digits, everything else keeps its value. Rows are read in `copy_stream`, what is selected is
decided in `wire`, and the hash of a row is computed in `row_hash`.

A column is given by `raw`, the bytes of some rows, and by the start and the length of its field in each row; the length
of NULL is -1. Functions that write begin at `position` of `out` and return where they end.

Bytes are indexed by unsigned numbers: a signed index might count from the end, and as long as the compiler cannot rule
that out, it makes no single load of bytes that stand side by side, which takes four times as long.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numba import njit, types
from numpy.typing import NDArray

Bytes: TypeAlias = NDArray[np.uint8]
Positions: TypeAlias = NDArray[np.int32]
Marks: TypeAlias = NDArray[np.uint64]

# What the compiled functions take, said beforehand: they are compiled when their module is imported for the first time,
# which installation does, and not within the first load. What they call must therefore stand above them.
BYTES: Any = types.uint8[::1]
POSITIONS: Any = types.int32[::1]
MARKS: Any = types.uint64[::1]
NUMBER: Any = types.int64
copy_bytes: Any = types.ExternalFunction("memcpy", types.uintp(types.uintp, types.uintp, types.uintp))
"""C's own: destination, source and number of bytes, by their addresses."""

MICROSECONDS_TO_2000 = 946_684_800_000_000
DAYS_TO_2000 = 10_957


@njit(nogil=True, cache=True, inline="always")
def signed(raw: Bytes, start: int, length: int) -> int:
    """Return a big-endian integer of 1, 2, 4 or 8 bytes."""
    at = np.uint64(start)
    # Spelled out, so that the compiler makes one load of each.
    if length == 8:
        return int(
            np.int64(
                (np.uint64(raw[at]) << np.uint64(56))
                | (np.uint64(raw[at + np.uint64(1)]) << np.uint64(48))
                | (np.uint64(raw[at + np.uint64(2)]) << np.uint64(40))
                | (np.uint64(raw[at + np.uint64(3)]) << np.uint64(32))
                | (np.uint64(raw[at + np.uint64(4)]) << np.uint64(24))
                | (np.uint64(raw[at + np.uint64(5)]) << np.uint64(16))
                | (np.uint64(raw[at + np.uint64(6)]) << np.uint64(8))
                | np.uint64(raw[at + np.uint64(7)])
            )
        )
    if length == 4:
        return int(
            np.int32(
                (np.uint32(raw[at]) << np.uint32(24))
                | (np.uint32(raw[at + np.uint64(1)]) << np.uint32(16))
                | (np.uint32(raw[at + np.uint64(2)]) << np.uint32(8))
                | np.uint32(raw[at + np.uint64(3)])
            )
        )
    if length == 2:
        return int(np.int16((np.uint16(raw[at]) << np.uint16(8)) | np.uint16(raw[at + np.uint64(1)])))
    return int(np.int8(raw[at]))


@njit(nogil=True, cache=True, inline="always")
def is_number(raw: Bytes, start: int) -> bool:
    """Tell whether a numeric is neither infinite nor NaN."""
    sign = signed(raw, start + 4, 2)
    return bool(sign == 0 or sign == 0x4000)


@njit(nogil=True, cache=True, inline="always")
def _read_numeric(raw: Bytes, start: int, scale: int, words: NDArray[np.uint64]) -> bool:
    """Add a numeric, sent as digits to the base of 10,000, to words that are zero; False if it does not fit."""
    digits = signed(raw, start, 2)
    if not is_number(raw, start):
        return False
    # Of ten: what the last place of a digit counts, in units of the result.
    power = 4 * signed(raw, start + 2, 2) + scale
    for index in range(digits):
        digit = signed(raw, start + 8 + 2 * index, 2)
        behind = min(max(-power, 0), 4)
        cut = _power_of_ten(behind)
        if digit % cut or not _multiply_add(words, _power_of_ten(4 - behind), digit // cut):
            return False
        power -= 4
    power += 4
    while digits > 0 and power > 0:
        step = min(power, 4)
        if not _multiply_add(words, _power_of_ten(step), 0):
            return False
        power -= step
    if words[-1] >> np.uint64(31):
        return False
    if signed(raw, start + 4, 2):
        _negate(words)
    return True


@njit(nogil=True, cache=True, inline="always")
def _power_of_ten(exponent: int) -> int:
    power = 1
    for _ in range(exponent):
        power *= 10
    return power


@njit(nogil=True, cache=True, inline="always")
def _multiply_add(words: NDArray[np.uint64], factor: int, added: int) -> bool:
    carry = np.uint64(added)
    for index in range(words.shape[0]):
        total = words[index] * np.uint64(factor) + carry
        words[index] = total & np.uint64(0xFFFFFFFF)
        carry = total >> np.uint64(32)
    return bool(carry == 0)


@njit(nogil=True, cache=True, inline="always")
def _negate(words: NDArray[np.uint64]) -> None:
    carry = np.uint64(1)
    for index in range(words.shape[0]):
        total = (words[index] ^ np.uint64(0xFFFFFFFF)) + carry
        words[index] = total & np.uint64(0xFFFFFFFF)
        carry = total >> np.uint64(32)


@njit((BYTES, NUMBER, types.int32[:, ::1], types.int32[:, ::1]), nogil=True, cache=True)
def find_fields(raw: Bytes, end: int, starts: Positions, lengths: Positions) -> int:
    """Find the fields of whole rows.

    Args:
        raw: bytes of rows.
        end: how many of them count.
        starts: to fill, shaped (fields of a row, most rows).
        lengths: to fill, likewise.

    Returns:
        The number of rows, or -1 if the bytes are no such rows.
    """
    position, rows = 0, 0
    while position < end:
        if rows == starts.shape[1] or signed(raw, position, 2) != starts.shape[0]:
            return -1
        position += 2
        for field in range(starts.shape[0]):
            if position + 4 > end:
                return -1
            length = signed(raw, position, 4)
            position += 4
            starts[field, rows] = position
            lengths[field, rows] = length
            position += max(length, 0)
        rows += 1
    return rows if position == end else -1


@njit((BYTES, POSITIONS, POSITIONS, NUMBER, NUMBER, types.uint64, MARKS), nogil=True, cache=True)
def lose_outside(
    raw: Bytes, starts: Positions, lengths: Positions, first: int, last: int, mark: np.uint64, marks: Marks
) -> None:
    """Turn integers, dates or moments outside of two bounds into NULL, and mark their rows with a bit."""
    for row in range(lengths.shape[0]):
        if lengths[row] >= 0:
            value = signed(raw, starts[row], lengths[row])
            if value < first or value > last:
                lengths[row] = -1
                marks[row] |= mark


@njit((BYTES, POSITIONS, POSITIONS, types.uint64, MARKS), nogil=True, cache=True)
def lose_no_numbers(raw: Bytes, starts: Positions, lengths: Positions, mark: np.uint64, marks: Marks) -> None:
    """Turn numerics that are no numbers into NULL, and mark their rows with a bit."""
    for row in range(lengths.shape[0]):
        if lengths[row] >= 0 and not is_number(raw, starts[row]):
            lengths[row] = -1
            marks[row] |= mark


@njit((POSITIONS, BYTES, NUMBER), nogil=True, cache=True)
def put_nulls(lengths: Positions, out: Bytes, position: int) -> int:
    """Write which values are NULL."""
    for row in range(lengths.shape[0]):
        out[position + row] = lengths[row] < 0
    return int(position + lengths.shape[0])


@njit((BYTES, POSITIONS, POSITIONS, BYTES, NUMBER), nogil=True, cache=True)
def put_texts(raw: Bytes, starts: Positions, lengths: Positions, out: Bytes, position: int) -> int:
    """Write texts; NULL is an empty one."""
    for row in range(lengths.shape[0]):
        length = max(lengths[row], 0)
        rest = length
        while rest >= 128:
            out[np.uint64(position)] = (rest & 127) | 128
            rest >>= 7
            position += 1
        out[np.uint64(position)] = rest
        position += 1
        copy_bytes(out.ctypes.data + position, raw.ctypes.data + starts[row], length)
        position += length
    return position


@njit((BYTES, POSITIONS, POSITIONS, BYTES, NUMBER), nogil=True, cache=True)
def put_digits(raw: Bytes, starts: Positions, lengths: Positions, out: Bytes, position: int) -> int:
    """Write integers as texts; NULL is an empty one."""
    spelled = np.empty(20, np.uint8)
    for row in range(lengths.shape[0]):
        if lengths[row] < 0:
            out[np.uint64(position)] = 0
            position += 1
            continue
        value = signed(raw, starts[row], lengths[row])
        rest = np.uint64(-value) if value < 0 else np.uint64(value)
        # From the last one on, as it shows at the end only how many there are.
        first = np.uint64(spelled.shape[0])
        while rest >= 10:
            two, rest = rest % np.uint64(100), rest // np.uint64(100)
            first -= np.uint64(2)
            spelled[first] = np.uint64(48) + two // np.uint64(10)
            spelled[first + np.uint64(1)] = np.uint64(48) + two % np.uint64(10)
        if rest > 0 or first == spelled.shape[0]:
            first -= np.uint64(1)
            spelled[first] = np.uint64(48) + rest
        if value < 0:
            first -= np.uint64(1)
            spelled[first] = 45
        start = int(first)
        length = spelled.shape[0] - start
        out[np.uint64(position)] = length
        copy_bytes(out.ctypes.data + position + 1, spelled.ctypes.data + start, length)
        position += 1 + length
    return position


@njit((BYTES, POSITIONS, POSITIONS, NUMBER, NUMBER, BYTES, NUMBER), nogil=True, cache=True)
def put_integers(
    raw: Bytes, starts: Positions, lengths: Positions, added: int, width: int, out: Bytes, position: int
) -> int:
    """Write integers of `width` bytes, to each of which something is added; NULL is 0."""
    for row in range(lengths.shape[0]):
        value = 0
        if lengths[row] >= 0:
            value = signed(raw, starts[row], lengths[row]) + added
        at = np.uint64(position)
        # Of a known width, so that the compiler makes one store of the bytes.
        if width == 8:
            for index in range(8):
                out[at + np.uint64(index)] = np.uint8((value >> (8 * index)) & 255)
        else:
            for index in range(width):
                out[at + np.uint64(index)] = np.uint8((value >> (8 * index)) & 255)
        position += width
    return position


@njit((BYTES, POSITIONS, POSITIONS, NUMBER, NUMBER, BYTES, NUMBER), nogil=True, cache=True)
def put_decimals(
    raw: Bytes, starts: Positions, lengths: Positions, scale: int, width: int, out: Bytes, position: int
) -> int:
    """Write numerics as integers of `width` bytes that count units of the last of `scale` digits; NULL is 0.

    Returns:
        -1 if a value is no number, does not fit or has more digits.
    """
    # Of 32 bits, the least one first.
    words = np.zeros(width // 4, np.uint64)
    for row in range(lengths.shape[0]):
        words[:] = 0
        if lengths[row] >= 0 and not _read_numeric(raw, starts[row], scale, words):
            return -1
        for index in range(width):
            byte = words[np.uint64(index >> 2)] >> np.uint64(8 * (index & 3))
            out[np.uint64(position + index)] = np.uint8(byte & np.uint64(255))
        position += width
    return position


@njit((BYTES, POSITIONS, POSITIONS, types.int64[::1]), nogil=True, cache=True)
def raise_to_moments(raw: Bytes, starts: Positions, lengths: Positions, values: NDArray[np.int64]) -> None:
    """Make each value at least the moment of its row, in microseconds since 1970."""
    for row in range(lengths.shape[0]):
        if lengths[row] >= 0:
            values[row] = max(values[row], signed(raw, starts[row], lengths[row]) + MICROSECONDS_TO_2000)
