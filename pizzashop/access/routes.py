"""The routes of an application, each by its method and path: `GET /order/<order_id>`."""

import re
from collections.abc import Iterator

from flask import Flask
from werkzeug.routing import Rule

_ANY_OF = re.compile(r"<any\((.*)\):\w+>")


def paths(rule: Rule) -> Iterator[str]:
    """The paths of a rule: one for each of the words that it leaves a choice of."""
    words = _ANY_OF.search(rule.rule)
    for word in words[1].split(", ") if words else [""]:
        yield _ANY_OF.sub(word, rule.rule)


def methods(rule: Rule) -> set[str]:
    """What of its methods somebody has written; Flask adds the others."""
    return (rule.methods or set()) - {"HEAD", "OPTIONS"}


def routes(app: Flask) -> Iterator[tuple[Rule, str, str]]:
    """Every rule of the application with each method and path that it stands for."""
    for rule in app.url_map.iter_rules():
        for path in paths(rule):
            for method in sorted(methods(rule)):
                yield rule, method, path
