"""CPU seconds and memory of processes on this machine, as Linux tells them; None where it doesn't."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

_PROC: Final = Path("/proc")
_LISTENING: Final = "0A"


def of(pid: int) -> float | None:
    """With all its threads, and with its children that have ended."""
    stat = _stat(pid)
    return None if stat is None else sum(int(field) for field in stat[11:15]) / os.sysconf("SC_CLK_TCK")


def of_family(pid: int | None) -> float | None:
    """With its children too."""
    own = of(pid) if pid else None
    if own is None:
        return None
    return own + sum(of(child) or 0.0 for child in _pids() if _parent(child) == pid)


def most_memory(pid: int | None) -> int | None:
    """Bytes that the process has had in memory at most."""
    try:
        lines = (_PROC / str(pid) / "status").read_text().splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:")), None)


def listener(port: int) -> int | None:
    """The process that listens on a TCP port of this machine."""
    sockets = {f"socket:[{inode}]" for inode in _inodes(port)}
    for pid in _pids() if sockets else ():
        try:
            if any(str(link.readlink()) in sockets for link in (_PROC / str(pid) / "fd").iterdir()):
                return pid
        except OSError:  # another user's, or gone
            continue
    return None


def parent_named(pid: int, name: str) -> int | None:
    """The parent, if its name begins so: a pid that was told by another machine or container names anything."""
    parent = _parent(pid)
    try:
        named = parent is not None and (_PROC / str(parent) / "comm").read_text().startswith(name)
    except OSError:
        return None
    return parent if named else None


def model() -> str:
    try:
        lines = (_PROC / "cpuinfo").read_text().splitlines()
    except OSError:
        return "unknown"
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), "unknown")


def _stat(pid: int) -> list[str] | None:
    """The fields behind the name: state, parent, …"""
    try:
        return (_PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None


def _parent(pid: int) -> int | None:
    stat = _stat(pid)
    return None if stat is None else int(stat[1])


def _pids() -> Iterator[int]:
    return (int(path.name) for path in (_PROC.iterdir() if _PROC.is_dir() else ()) if path.name.isdigit())


def _inodes(port: int) -> Iterator[str]:
    for table in ("tcp", "tcp6"):
        try:
            lines = (_PROC / "net" / table).read_text().splitlines()[1:]
        except OSError:
            continue
        for fields in map(str.split, lines):
            if fields[3] == _LISTENING and int(fields[1].rpartition(":")[2], 16) == port:
                yield fields[9]
