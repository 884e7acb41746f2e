"""One saver at a time in a folder: threads and programs wait for each other.

The lock is the operating system's and belongs to the open folder. It ends with the program that
holds it, however that ends, and is no file, so that none stays behind. Where folders cannot be
locked (Windows, some network drives), a file `save.lock` beside the data takes its place.
"""

import contextlib
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

__all__: list[str] = []

LOCK = "save.lock"
THREADS = threading.Lock()  # what no system refuses: threads of this program wait in any case


@contextlib.contextmanager
def alone_in(folder: Path) -> Iterator[list[Path]]:
    """Hold the folder, which is made where it is missing; the folders that were, outermost first."""
    with THREADS:
        while True:
            made = made_folders(folder)
            lock = _locked(folder)
            if lock is not None:
                break
        try:
            yield made
        finally:
            _released(lock, folder)


def made_folders(folder: Path) -> list[Path]:
    """Make a folder, and say which ones were made for it, outermost first."""
    missing = [part for part in (folder, *folder.parents) if not part.exists()][::-1]
    folder.mkdir(parents=True, exist_ok=True)
    return missing


def _locked(folder: Path) -> int | None:
    """What is open and locked, -1 where nothing can be; None where it was removed as we waited."""
    for path, flags in ((folder, os.O_RDONLY), (folder / LOCK, os.O_RDWR | os.O_CREAT)):
        try:
            descriptor = os.open(path, flags)
        except FileNotFoundError:  # the folder: its last saver failed and took it away
            return None
        except PermissionError:  # Windows opens no folders
            continue
        try:
            _wait_for(descriptor)
            if os.path.samestat(os.stat(path), os.fstat(descriptor)):
                return descriptor
        except FileNotFoundError:
            pass  # locked, but no longer what bears the name
        except OSError:  # this drive knows no locks of this kind
            os.close(descriptor)
            continue
        except BaseException:  # Ctrl-C while waiting
            os.close(descriptor)
            raise
        os.close(descriptor)
        return None
    return -1


def _wait_for(descriptor: int) -> None:
    """Take the system's lock of an open file or folder when it is free."""
    if fcntl is not None:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        return
    import msvcrt

    while True:
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError:  # another program saves
            time.sleep(0.05)
        else:
            return


def _released(descriptor: int, folder: Path) -> None:
    """Let the next one in."""
    try:
        with contextlib.suppress(OSError):  # mostly there is none
            (folder / LOCK).unlink()
    finally:  # also when Ctrl-C comes just now: the next save would wait for ever
        if descriptor >= 0:
            os.close(descriptor)
    with contextlib.suppress(OSError):  # Windows keeps what is open
        (folder / LOCK).unlink()
