"""Logs: one line for each event, with the role, the order and the attempt; for people, or as JSON."""

import json
import logging
import sys
from datetime import UTC, datetime

FIELDS = ("role", "order", "attempt")


class TextFormatter(logging.Formatter):
    """`18:20:31.042 kitchen INFO  cooking_baking order=123 attempt=1`."""

    def format(self, record: logging.LogRecord) -> str:
        """One line, and the traceback under it where there is one."""
        moment = datetime.fromtimestamp(record.created).strftime("%H:%M:%S.%f")[:-3]
        known = {name: getattr(record, name) for name in FIELDS if hasattr(record, name)}
        role = known.pop("role", "shop")
        rest = "".join(f" {name}={value}" for name, value in known.items())
        line = f"{moment} {role:<10} {record.levelname:<7} {record.getMessage()}{rest}"
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line


class JsonFormatter(logging.Formatter):
    """One JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        """One line."""
        line = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            **{name: getattr(record, name) for name in FIELDS if hasattr(record, name)},
            "message": record.getMessage(),
            "logger": record.name,
        }
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line)


def configure(form: str, level: str, role: str) -> None:
    """Send this process's logs to standard error, in the form asked for, with `role` in each line."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter() if form == "json" else TextFormatter())

    def with_role(record: logging.LogRecord) -> bool:
        if not hasattr(record, "role"):
            record.role = role
        return True

    handler.addFilter(with_role)
    logging.basicConfig(handlers=[handler], level=level.upper(), force=True)
    # The SDK tells of every turn of every workflow, and again at each replay: the shop says it once, itself.
    for chatty in ("WorkflowRuntime", "durabletask-worker", "durabletask-client", "DaprWorkflowClient"):
        logging.getLogger(chatty).setLevel("WARNING")
