"""One command for several orders: each is tried, and what went wrong with one does not stop the others."""

from collections.abc import Callable, Iterable
from typing import Any, NoReturn

import click

from pizzashop.console.options import echo_json
from pizzashop.domain.errors import NotFound, ShopError, Unavailable
from pizzashop.streams import ignore_output_errors, require_output

Answer = dict[str, Any]


def each(
    ids: Iterable[str], act: Callable[[str], tuple[str, Answer]], *, as_json: bool, key: str = "order_id"
) -> NoReturn:
    """Do `act` to each order (or to what `key` names): it answers a sentence, and JSON.

    Ends the command with the exit code of the first error. None is left out because the output cannot be written.
    """
    with ignore_output_errors():
        code = _each(ids, act, as_json=as_json, key=key)
    require_output()
    click.get_current_context().exit(code)


def _each(ids: Iterable[str], act: Callable[[str], tuple[str, Answer]], *, as_json: bool, key: str) -> int:
    answers: list[Answer] = []
    code = 0
    for one in dict.fromkeys(ids):
        try:
            said, answer = act(one)
        except Unavailable:
            _tell(answers, as_json=as_json)
            raise
        except ShopError as error:
            about = "" if isinstance(error, NotFound) else f"{one}: "
            click.echo(f"pizzashop: {about}{error}", err=True)
            answers.append({key: one, "error": str(error)})
            code = code or error.exit_code
        else:
            answers.append(answer)
            if not as_json:
                click.echo(said)
    _tell(answers, as_json=as_json)
    return code


def _tell(answers: list[Answer], *, as_json: bool) -> None:
    if as_json:
        echo_json(answers)
