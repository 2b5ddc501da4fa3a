"""State what reading one file in a child process may cost: processor time, time by the clock, memory."""

from __future__ import annotations

from dataclasses import dataclass

# Of a mail, reading this much is over before a child process could be asked.
SMALL_MAIL_BYTES = 100_000
# How many larger mails are read at the same time.
MAIL_WORKERS = 3
# What unpacks to many times its size.
_PACKED = (b"PK\x03\x04", b"%PDF", b"\x1f\x8b", b"\xd0\xcf\x11\xe0")
_MEGABYTE = 1_000_000


@dataclass(frozen=True)
class Limits:
    """What one file may cost in the child process.

    Processor time: `seconds`, and `seconds_per_mb` for each megabyte of the file; `packed_seconds` at least for formats
    that unpack. A process that gets no processor is not slow, so by the clock it may take `patience` times as long.
    Memory beside its code: `base_bytes` and `bytes_per_byte` for each of the file's, at most `memory_bytes`, which are
    all for formats that unpack.
    """

    seconds: float = 10.0
    seconds_per_mb: float = 2.0
    packed_seconds: float = 60.0
    patience: float = 20.0
    memory_bytes: int = 1_000_000_000
    base_bytes: int = 100_000_000
    bytes_per_byte: int = 12
    idle_seconds: float = 30.0

    def allowance(self, data: bytes) -> Allowance:
        """Return what reading this file may cost."""
        seconds = self.seconds + self.seconds_per_mb * len(data) / _MEGABYTE
        if data.startswith(_PACKED):
            return Allowance(max(seconds, self.packed_seconds), self.patience, self.memory_bytes)
        memory = self.base_bytes + self.bytes_per_byte * len(data)
        return Allowance(seconds, self.patience, min(memory, self.memory_bytes))


@dataclass(frozen=True)
class Allowance:
    """The limits of one file: seconds of processor time, how many times that by the clock, and bytes of memory."""

    seconds: float
    patience: float
    memory_bytes: int

    @property
    def too_slow(self) -> str:
        """The reason given for a file that took too long."""
        return f"took longer than {self.seconds:.3g} s"

    @property
    def too_large(self) -> str:
        """The reason given for a file that needed too much memory."""
        return f"needed more than {self.memory_bytes // _MEGABYTE} MB"
