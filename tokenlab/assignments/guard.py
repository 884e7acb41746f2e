"""What keeps a student's program from the programs beside it, as far as the system can.

Everywhere: a process of its own. On Linux also limits of memory and file size that stay, a filter
of system calls (no signals to others, no higher limits; when strict, no new programs), and when
strict no file outside of a scratch folder can be written. Where the system offers less, less is
done; `protections` says what there is.
"""

import contextlib
import ctypes
import errno
import os
import platform
import signal
import struct
import sys
import time
from pathlib import Path

__all__: list[str] = []

LINUX = sys.platform == "linux"
FILE_SIZE = 256 << 20  # bytes that one file may grow to, when strict
NO_NEW_PRIVILEGES, SECCOMP, SUBREAPER = 38, 22, 36  # for `prctl`
ALLOW, REFUSE = 0x7FFF0000, 0x00050000 | errno.EPERM
UNKNOWN = 0x00050000 | errno.ENOSYS  # "this kernel has no such call": the C library takes another
# Numbers of system calls by machine: (audit name, those about others, of limits, of new programs).
CALLS = {
    "x86_64": (
        0xC000003E,
        {"kill": 62, "tkill": 200, "tgkill": 234, "queue": 129, "tgqueue": 297},
        {"ptrace": 101, "writev": 311, "setrlimit": 160, "pidfd": 424, "getfd": 438},
        {"prlimit": 302, "clone": 56, "fork": 57, "vfork": 58, "execve": 59, "execveat": 322},
    ),
    "aarch64": (
        0xC00000B7,
        {"kill": 129, "tkill": 130, "tgkill": 131, "queue": 138, "tgqueue": 240},
        {"ptrace": 117, "writev": 271, "setrlimit": 164, "pidfd": 424, "getfd": 438},
        {"prlimit": 261, "clone": 220, "execve": 221, "execveat": 281},
    ),
}
CLONE3, THREAD = 435, 0x00010000
LANDLOCK_CREATE, LANDLOCK_ADD, LANDLOCK_RESTRICT = 444, 445, 446
# Rights of Landlock's first three versions that change files or folders.
WRITING = sum(1 << bit for bit in (1, 4, 5, 6, 7, 8, 9, 10, 11, 12))
REFER, TRUNCATE = 1 << 13, 1 << 14


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def collect_orphans() -> None:
    """Programs whose parent is gone become children of this process, and are found by it."""
    if LINUX:
        _libc().prctl(SUBREAPER, 1, 0, 0, 0)


def limit_memory(more: int) -> None:
    """Let the process take at most so many bytes beyond what it has now; it cannot be lifted."""
    try:
        import resource

        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    except (ImportError, OSError):
        return  # macOS and Windows: the parent watches, or there is the time limit alone
    limit = pages * resource.getpagesize() + more
    hard = resource.getrlimit(resource.RLIMIT_AS)[1]
    limit = limit if hard == resource.RLIM_INFINITY else min(limit, hard)
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


def limit_files() -> None:
    """No core dumps, and no file beyond a size."""
    with contextlib.suppress(ImportError, OSError, ValueError):
        import resource

        resource.setrlimit(resource.RLIMIT_FSIZE, (FILE_SIZE, FILE_SIZE))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def filter_calls(*, strict: bool) -> bool:
    """Refuse signals to other processes and higher limits; when strict, new programs, too."""
    if not LINUX or platform.machine() not in CALLS:
        return False
    audit, signals, others, programs = CALLS[platform.machine()]
    program = [_load(4), (0x15, 1, 0, audit), _end(REFUSE), _load(0)]
    program += [(0x35, 0, 1, 0x40000000), _end(REFUSE)]  # x86's second set of numbers
    for number in signals.values():  # to itself they are allowed
        program += [(0x15, 0, 4, number), _load(16), (0x15, 0, 1, os.getpid())]
        program += [_end(ALLOW), _end(REFUSE)]
    for number in others.values():
        program += [(0x15, 0, 1, number), _end(REFUSE)]
    # `prlimit` without new limits only asks.
    program += [(0x15, 0, 4, programs["prlimit"]), _load(32), (0x15, 0, 1, 0)]
    program += [_end(ALLOW), _end(REFUSE)]
    if strict:
        program += [(0x15, 0, 4, programs["clone"]), _load(16), (0x45, 0, 1, THREAD)]
        program += [_end(ALLOW), _end(REFUSE), (0x15, 0, 1, CLONE3), _end(UNKNOWN)]
        for name in ("fork", "vfork", "execve", "execveat"):
            if name in programs:
                program += [(0x15, 0, 1, programs[name]), _end(REFUSE)]
    return _install([*program, _end(ALLOW)])


def _load(offset: int) -> tuple[int, int, int, int]:
    return (0x20, 0, 0, offset)


def _end(answer: int) -> tuple[int, int, int, int]:
    return (0x06, 0, 0, answer)


def _install(program: list[tuple[int, int, int, int]]) -> bool:
    code = b"".join(struct.pack("HBBI", *line) for line in program)
    buffer = ctypes.create_string_buffer(code, len(code))
    about = struct.pack("HxxxxxxP", len(program), ctypes.addressof(buffer))
    libc = _libc()
    libc.prctl(NO_NEW_PRIVILEGES, 1, 0, 0, 0)
    done = libc.prctl(SECCOMP, 2, ctypes.create_string_buffer(about, len(about)), 0, 0)
    return done == 0


def write_only_in(folder: str) -> bool:
    """From now on nothing outside of a folder can be written, made, moved or removed."""
    if not LINUX:
        return False
    libc = _libc()
    version = libc.syscall(LANDLOCK_CREATE, None, ctypes.c_size_t(0), 1)
    if version < 1:
        return False
    rights = WRITING | (REFER if version >= 2 else 0) | (TRUNCATE if version >= 3 else 0)
    rules = libc.syscall(LANDLOCK_CREATE, struct.pack("Q", rights), ctypes.c_size_t(8), 0)
    if rules < 0:
        return False
    places = [(folder, rights), (os.devnull, (1 << 1) | (rights & TRUNCATE))]
    for path, allowed in places:
        there = os.open(path, os.O_PATH | os.O_CLOEXEC)
        libc.syscall(LANDLOCK_ADD, rules, 1, struct.pack("=Qi", allowed, there), 0)
        os.close(there)
    libc.prctl(NO_NEW_PRIVILEGES, 1, 0, 0, 0)
    done = libc.syscall(LANDLOCK_RESTRICT, rules, 0)
    os.close(rules)
    return done == 0


def protections() -> list[str]:
    """What is not kept from a strict program on this system."""
    missing = []
    if not LINUX or platform.machine() not in CALLS:
        missing.append("signals to other programs")
    if not LINUX or _libc().syscall(LANDLOCK_CREATE, None, ctypes.c_size_t(0), 1) < 1:
        missing.append("writing files")
    return missing


def descendants(pid: int) -> list[int]:
    """All living processes below one, the nearest first."""
    parents: dict[int, list[int]] = {}
    for path in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError, ValueError, IndexError):
            state = (path / "stat").read_text(encoding="utf-8", errors="replace")
            fields = state.rpartition(")")[2].split()
            if fields[0] != "Z":  # a zombie is gone already
                parents.setdefault(int(fields[1]), []).append(int(path.name))
    found = list(parents.get(pid, []))
    for child in found:  # grows while it is read
        found += parents.get(child, [])
    return found


def end_below(pid: int) -> None:
    """End all processes below one; it must collect orphans, so that none is missed."""
    deadline = time.monotonic() + 5
    while LINUX and time.monotonic() < deadline:
        below = descendants(pid)
        if not below:
            return
        for child in below:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(child, signal.SIGKILL)
        time.sleep(0.005)
