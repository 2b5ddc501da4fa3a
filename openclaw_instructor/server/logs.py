"""Log to rotating files in home, without ever writing a text, a mail or a query.

Only this package's loggers and the web server's are written. Of an exception the type and the places are kept, never
its words, because those may quote what somebody sent.
"""

from __future__ import annotations

import logging
import traceback
from logging.handlers import RotatingFileHandler
from pathlib import Path
from types import TracebackType

FILE_BYTES = 2 << 20
FILES = 3
_LOGGERS = ("openclaw_instructor", "uvicorn.error")


class Wordless(logging.Formatter):
    """One line a record, with an exception as its type and its frames."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s")

    def formatException(  # noqa: N802 - the name is logging's
        self, ei: tuple[type[BaseException] | None, BaseException | None, TracebackType | None]
    ) -> str:
        """Format an exception and its causes as types and frames, without messages that may quote a text."""
        kind, error, trace = ei
        places = [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in traceback.extract_tb(trace)]
        cause = error.__cause__ if error is not None else None
        told = [f"  {kind.__name__ if kind else 'error'} at", *(f"    {place}" for place in places)]
        if cause is not None:
            told.append(self.formatException((type(cause), cause, cause.__traceback__)))
        return "\n".join(told)


class LogFile(RotatingFileHandler):
    """A log file whose errors, such as a full disk, never stop the daemon; `lost` counts unwritten records."""

    def __init__(self, path: Path) -> None:
        self.lost = 0
        super().__init__(path, maxBytes=FILE_BYTES, backupCount=FILES, encoding="utf-8", delay=True)
        self.setFormatter(Wordless())

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - the name is logging's
        """Count a record that could not be written, and close the stream so that the next one opens it again."""
        self.lost += 1
        if self.stream is not None:
            # The buffered data would fail again with every later record, and when the stream is closed.
            stream, self.stream = self.stream, None
            try:
                stream.close()
            except OSError:
                return


def start(path: Path, *, to_terminal: bool) -> LogFile:
    """Send the log to `path`, and to standard error for a daemon in the foreground."""
    file = LogFile(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError:
        file.lost += 1
    handlers: list[logging.Handler] = [file]
    if to_terminal:
        terminal = logging.StreamHandler()
        terminal.setFormatter(Wordless())
        handlers.append(terminal)
    for name in _LOGGERS:
        logger = logging.getLogger(name)
        logger.setLevel(logging.INFO)
        logger.propagate = False
        logger.handlers = handlers
    return file
