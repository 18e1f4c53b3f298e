"""Computes PostgreSQL's hash of a record (`hash_record_extended`) from the fields that COPY binary sends.

PostgreSQL takes longer for it than for all the rest of a row. It keeps these functions as they are, as hash partitions
of existing tables rely on them; a server whose functions differ is found out before a load (see `copy_push`). The
element of each column is folded into the hashes of all rows; NULL counts as 0. Columns are given as in `native_block`.
"""

from __future__ import annotations

from typing import Any, Final, TypeAlias

import numpy as np
from numba import njit, types
from numpy.typing import NDArray

from orchestration.extraction.native_block import BYTES, NUMBER, POSITIONS, Bytes, Positions, is_number, signed

Hashes: TypeAlias = NDArray[np.uint64]
_HASHES: Any = types.uint64[::1]

# What hash_bytes_extended of Bob Jenkins' lookup3 starts with, before the length is added.
_START = np.uint32(0x9E3779B9 + 3923095)
INSTEAD_OF_0: Final = 1
"""The hash of a row that would be 0, which stands for a row that is not there."""

_LONGEST_NUMERIC_BYTES = 2 * 65536


@njit(nogil=True, cache=True)
def _hash_bytes(raw: Bytes, at: int, length: int) -> np.uint64:
    a = b = c = np.uint32(_START + np.uint32(length))
    while length >= 12:
        a = np.uint32(a + _word(raw, at))
        b = np.uint32(b + _word(raw, at + 4))
        c = np.uint32(c + _word(raw, at + 8))
        a = np.uint32(a - c) ^ _rotated(c, 4)
        c = np.uint32(c + b)
        b = np.uint32(b - a) ^ _rotated(a, 6)
        a = np.uint32(a + c)
        c = np.uint32(c - b) ^ _rotated(b, 8)
        b = np.uint32(b + a)
        a = np.uint32(a - c) ^ _rotated(c, 16)
        c = np.uint32(c + b)
        b = np.uint32(b - a) ^ _rotated(a, 19)
        a = np.uint32(a + c)
        c = np.uint32(c - b) ^ _rotated(b, 4)
        b = np.uint32(b + a)
        at += 12
        length -= 12
    for index in range(length):
        byte = np.uint32(raw[np.uint64(at + index)])
        if index < 4:
            a = np.uint32(a + (byte << np.uint32(8 * index)))
        elif index < 8:
            b = np.uint32(b + (byte << np.uint32(8 * (index - 4))))
        else:
            # The lowest byte of the last word is left to the length.
            c = np.uint32(c + (byte << np.uint32(8 * (index - 7))))
    return _finished(a, b, c)


@njit(nogil=True, cache=True, inline="always")
def _hash_word(word: np.uint32) -> np.uint64:
    start = np.uint32(_START + np.uint32(4))
    return _finished(np.uint32(start + word), start, start)


@njit(nogil=True, cache=True, inline="always")
def _finished(a: np.uint32, b: np.uint32, c: np.uint32) -> np.uint64:
    c = np.uint32((c ^ b) - _rotated(b, 14))
    a = np.uint32((a ^ c) - _rotated(c, 11))
    b = np.uint32((b ^ a) - _rotated(a, 25))
    c = np.uint32((c ^ b) - _rotated(b, 16))
    a = np.uint32((a ^ c) - _rotated(c, 4))
    b = np.uint32((b ^ a) - _rotated(a, 14))
    c = np.uint32((c ^ b) - _rotated(b, 24))
    return (np.uint64(b) << np.uint64(32)) | np.uint64(c)


@njit(nogil=True, cache=True, inline="always")
def _rotated(word: np.uint32, bits: int) -> np.uint32:
    return np.uint32((word << np.uint32(bits)) | (word >> np.uint32(32 - bits)))


@njit(nogil=True, cache=True, inline="always")
def _word(raw: Bytes, at: int) -> np.uint32:
    first = np.uint64(at)
    return np.uint32(
        np.uint32(raw[first])
        | (np.uint32(raw[first + np.uint64(1)]) << np.uint32(8))
        | (np.uint32(raw[first + np.uint64(2)]) << np.uint32(16))
        | (np.uint32(raw[first + np.uint64(3)]) << np.uint32(24))
    )


@njit((BYTES, POSITIONS, POSITIONS, _HASHES), nogil=True, cache=True)
def fold_texts(raw: Bytes, starts: Positions, lengths: Positions, hashes: Hashes) -> None:
    """Fold texts of a deterministic collation."""
    for row in range(lengths.shape[0]):
        element = np.uint64(0)
        if lengths[row] >= 0:
            element = _hash_bytes(raw, starts[row], lengths[row])
        hashes[row] = hashes[row] * np.uint64(31) + element


@njit((BYTES, POSITIONS, POSITIONS, NUMBER, _HASHES), nogil=True, cache=True)
def fold_integers(raw: Bytes, starts: Positions, lengths: Positions, shifted: int, hashes: Hashes) -> None:
    """Fold integers, moments, dates or booleans, or (as a bigint) what is left of an integer without its last bits."""
    for row in range(lengths.shape[0]):
        element = np.uint64(0)
        if lengths[row] >= 0:
            value = signed(raw, starts[row], lengths[row]) >> shifted
            low = np.uint32(value & 0xFFFFFFFF)
            if lengths[row] == 8 or shifted:
                high = np.uint32((value >> 32) & 0xFFFFFFFF)
                low = low ^ (high if value >= 0 else np.uint32(high ^ np.uint32(0xFFFFFFFF)))
            element = _hash_word(np.uint32(low))
        hashes[row] = hashes[row] * np.uint64(31) + element


@njit((BYTES, POSITIONS, POSITIONS, _HASHES), nogil=True, cache=True)
def fold_numerics(raw: Bytes, starts: Positions, lengths: Positions, hashes: Hashes) -> None:
    """Fold numerics, and for each whether it is below zero."""
    digits_of_one = np.empty(_LONGEST_NUMERIC_BYTES, np.uint8)
    for row in range(lengths.shape[0]):
        element, below_zero = np.uint64(0), np.uint64(0)
        if lengths[row] >= 0:
            start = starts[row]
            first, last = 0, signed(raw, start, 2)
            while first < last and signed(raw, start + 8 + 2 * first, 2) == 0:
                first += 1
            while last > first and signed(raw, start + 8 + 2 * (last - 1), 2) == 0:
                last -= 1
            # PostgreSQL takes what is no number for NULL, and gives zero a hash of its own.
            element = np.uint64(0) - np.uint64(is_number(raw, start))
            if first < last:
                for index in range(last - first):
                    at = start + 8 + 2 * (first + index)
                    digits_of_one[2 * index] = raw[at + 1]
                    digits_of_one[2 * index + 1] = raw[at]
                weight = signed(raw, start + 2, 2) - first
                element = _hash_bytes(digits_of_one, 0, 2 * (last - first)) ^ np.uint64(weight)
            below_zero = _hash_word(np.uint32(signed(raw, start + 4, 2) == 0x4000))
        hashes[row] = (hashes[row] * np.uint64(31) + element) * np.uint64(31) + below_zero


@njit((POSITIONS, _HASHES), nogil=True, cache=True)
def fold_marks(lengths: Positions, hashes: Hashes) -> None:
    """Fold a boolean that is sent as NULL where it is false."""
    no, yes = _hash_word(np.uint32(0)), _hash_word(np.uint32(1))
    for row in range(lengths.shape[0]):
        hashes[row] = hashes[row] * np.uint64(31) + (no if lengths[row] < 0 else yes)


@njit((BYTES, POSITIONS, POSITIONS, _HASHES), nogil=True, cache=True)
def finish(raw: Bytes, starts: Positions, lengths: Positions, hashes: Hashes) -> None:
    """Take the hash that a field starts with, where PostgreSQL has sent one.

    No hash is 0 then.
    """
    for row in range(lengths.shape[0]):
        if lengths[row] >= 0:
            hashes[row] = np.uint64(signed(raw, starts[row], 8))
        elif hashes[row] == 0:
            hashes[row] = INSTEAD_OF_0
