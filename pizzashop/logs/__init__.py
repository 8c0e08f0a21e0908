"""Logging: one line for each log record, with role, order and attempt, as text for people or as JSON.

A line in JSON also has the ids of the trace and the span in which it was written, if there are any.
"""

import json
import logging
import sys
from datetime import UTC, datetime

from pizzashop import tracing
from pizzashop.domain.text import to_single_line

# A log line shows these attributes of its record; code sets them with `extra`.
CONTEXT_FIELDS = ("role", "order", "attempt")
# The SDK logs each turn of each workflow, and once more at each replay; the shop logs its own stages once.
_VERBOSE_LOGGERS = ("WorkflowRuntime", "durabletask-worker", "durabletask-client", "DaprWorkflowClient")


class TextFormatter(logging.Formatter):
    """Format lines such as `2026-11-23 18:20:31.042+01:00 kitchen    INFO    cooking_baking order=123 attempt=1`.

    A text from outside cannot make another line: a traceback is indented, and control characters become blanks.
    """

    def format(self, record: logging.LogRecord) -> str:
        """Return one line, followed by the traceback if there is one."""
        timestamp = datetime.fromtimestamp(record.created).astimezone().isoformat(" ", "milliseconds")
        context = _context(record)
        role = context.pop("role", "shop")
        suffix = "".join(f" {name}={value}" for name, value in context.items())
        line = f"{timestamp} {role:<10} {record.levelname:<7} {to_single_line(record.getMessage())}{suffix}"
        traceback = self.formatException(record.exc_info).split("\n") if record.exc_info else ()
        return "\n".join((line, *(f"  {to_single_line(each)}" for each in traceback)))


class JsonFormatter(logging.Formatter):
    """Format each log record as one JSON object."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the object on one line, with the traceback as a field if there is one."""
        line = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            **_context(record),
            **tracing.log_fields(),
            "message": record.getMessage(),
            "logger": record.name,
        }
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line)


def configure_logging(log_format: str, level: str, role: str) -> None:
    """Write this process's logs to standard error, as `text` or `json`, with `role` in each line that has none."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter() if log_format == "json" else TextFormatter())

    def add_role(record: logging.LogRecord) -> bool:
        if not hasattr(record, "role"):
            record.role = role
        return True

    handler.addFilter(add_role)
    logging.basicConfig(handlers=[handler], level=level.upper(), force=True)
    for name in _VERBOSE_LOGGERS:
        logging.getLogger(name).setLevel("WARNING")
    # It warns of each try to send spans and of each malformed header. A lost batch of spans is an error.
    logging.getLogger("opentelemetry").setLevel("ERROR")


def _context(record: logging.LogRecord) -> dict[str, object]:
    return {name: getattr(record, name) for name in CONTEXT_FIELDS if hasattr(record, name)}
