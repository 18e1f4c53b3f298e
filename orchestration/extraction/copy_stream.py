"""Reads the rows of a binary COPY in large pieces: libpq hands them over one by one, compiled code gathers them.

It is the connection's own libpq, so encryption, time limits and the transaction are the connection's. What the rows
mean belongs in `native_block`.
"""

from __future__ import annotations

import ctypes
import select
import sys
from collections.abc import Generator
from typing import Any

import llvmlite.binding as llvm
import numpy as np
import psycopg
from numba import njit, types
from numpy.typing import NDArray
from psycopg import pq

from orchestration.extraction.native_block import Bytes, copy_bytes
from orchestration.extraction.source_catalog import Connection

# Fits into a processor's own cache, half of which it leaves to what is made of it.
PIECE_BYTES = 1 << 19
# Signature, flags and the length of an extension that does not exist.
_HEAD_BYTES = 19

# What `_gather` returns when it stops; the first two are PQgetCopyData's own.
_ENDED_EARLY, _WOULD_BLOCK, _FULL, _COMPLETE = -1, 0, 1, 2


def _libpq() -> ctypes.CDLL:
    """Return psycopg's own module: looking up a symbol in it also asks the libpq that it is linked to."""
    return ctypes.CDLL(str(sys.modules[pq.PGconn.__module__].__file__))


_library = _libpq()
for _name in ("PQgetCopyData", "PQfreemem"):
    llvm.add_symbol(_name, ctypes.cast(getattr(_library, _name), ctypes.c_void_p).value)  # type: ignore[no-untyped-call]
_signature: Any = types.int32
_address: Any = types.CPointer(types.uintp)  # type: ignore[no-untyped-call]
_get_copy_data: Any = types.ExternalFunction("PQgetCopyData", _signature(types.uintp, _address, types.int32))
_free: Any = types.ExternalFunction("PQfreemem", types.void(types.uintp))


def binary_rows(connection: Connection, query: str) -> Generator[tuple[Bytes, int], None, None]:
    """Yield the rows of a query in pieces: a buffer, which is used again, and the end of the rows in it.

    Raises:
        psycopg.Error: the CRM failed.
    """
    with connection.cursor() as cursor, cursor.copy(f"copy ({query}) to stdout (format binary)") as copy:
        buffer = np.empty(PIECE_BYTES, np.uint8)
        message, counters = np.zeros(1, np.uintp), np.array([0, 0, _HEAD_BYTES], np.int64)
        address: int = connection.pgconn.pgconn_ptr  # type: ignore[attr-defined]
        try:
            while True:
                stopped = _gather(address, message, counters, buffer)
                if stopped == _WOULD_BLOCK:
                    _wait(connection)
                elif stopped in (_FULL, _COMPLETE):
                    if counters[1]:
                        yield buffer, int(counters[1])
                        counters[1] = 0
                    elif stopped == _FULL:
                        buffer = np.empty(int(counters[0]), np.uint8)
                    if stopped == _COMPLETE:
                        break
                else:
                    raise _failure(connection)
        finally:
            if counters[0]:
                _release(message)
        # The rest of the protocol is psycopg's.
        while copy.read():
            raise psycopg.DataError("rows follow the end of a binary COPY")


# With its types given it is loaded now, and with it the rest of the compiler, and not while the CRM waits.
@njit(types.int64(types.intp, types.uintp[::1], types.int64[::1], types.uint8[::1]), nogil=True, cache=True)
def _gather(connection: int, message: NDArray[np.uintp], counters: NDArray[np.int64], buffer: Bytes) -> int:
    """Append messages to the buffer until it is full or there are no more for now.

    Args:
        connection: address of libpq's connection.
        message: address of the message that is waiting, if one is.
        counters: the length of that message, the end of the rows in the buffer, and the bytes to skip.
        buffer: to fill.
    """
    while True:
        if counters[0] == 0:
            length: int = _get_copy_data(connection, message.ctypes, 1)
            if length <= 0:
                return length
            counters[0] = length
        skipped = counters[2]
        length = counters[0] - skipped
        end = counters[1]
        if end + length > buffer.shape[0]:
            return _FULL
        copy_bytes(buffer.ctypes.data + end, message[0] + skipped, length)
        _free(message[0])
        counters[0] = 0
        counters[2] = 0
        # A row has a field at least; behind the last one stands -1 instead of their number.
        if length == 2:
            return _COMPLETE
        counters[1] = end + length


@njit(nogil=True, cache=True)
def _release(message: NDArray[np.uintp]) -> None:
    _free(message[0])


def _wait(connection: Connection) -> None:
    """Wait for more bytes; a peer that has vanished is noticed by the connection's probes."""
    poller = select.poll()
    poller.register(connection.pgconn.socket, select.POLLIN)
    poller.poll()
    connection.pgconn.consume_input()


def _failure(connection: Connection) -> psycopg.Error:
    """Return the error that has ended a COPY."""
    result = connection.pgconn.get_result()
    if result is None or result.status == pq.ExecStatus.COMMAND_OK:
        message = connection.pgconn.error_message.decode("utf-8", "replace").strip()
        return psycopg.OperationalError(message or "the COPY ended without its last row")
    while connection.pgconn.get_result() is not None:
        pass
    return psycopg.errors.error_from_result(result)
