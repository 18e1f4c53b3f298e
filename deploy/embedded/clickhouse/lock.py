"""One server per data folder: an advisory lock that the kernel releases even after kill -9."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path


class FolderTaken(Exception):
    """Another server works on the data folder."""


def lock_folder(folder: Path) -> int:
    """Take the folder for this process and return the lock's file descriptor, which must stay open.

    Raises:
        FolderTaken: naming the process that holds the folder.
    """
    path = folder / "server.lock"
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        holder = path.read_text(encoding="ascii").strip() or "unknown"
        os.close(descriptor)
        message = f"the data folder {folder} is in use by process {holder}: stop it first, or choose another folder"
        raise FolderTaken(message) from None
    os.ftruncate(descriptor, 0)
    os.write(descriptor, str(os.getpid()).encode("ascii"))
    return descriptor
