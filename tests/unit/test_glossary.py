"""The code uses each term of the glossary, and the words that these terms have replaced are gone."""

import ast
import re
import tokenize
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TERMS = re.findall(r"\*\*([^*]+)\*\*", (ROOT / "docs/glossary.md").read_text())
PACKAGE = sorted((ROOT / "pizzashop").rglob("*.py"))
CODE = [*PACKAGE, *(path for path in sorted((ROOT / "tests").rglob("*.py")) if path != Path(__file__))]
# The changelog uses the words of earlier versions.
PAGES = [*(page for page in ROOT.glob("*.md") if page.name != "CHANGELOG.md"), *sorted((ROOT / "docs").rglob("*.md"))]

# Identifiers that earlier code had for what the glossary or the Python standard library has a word.
# fmt: off
RETIRED_NAMES = [
    "Aside", "Beat", "Cell", "Copies", "Crew", "Desk", "Door", "Gate", "Hold", "Means", "Office", "Shelf", "Steering",
    "Story", "Sweep", "Teller", "charted", "fits", "give_back", "heard", "heir_of", "in_hand", "keep_house", "let_go",
    "prints", "said_for", "seal", "seals", "steer", "steered", "untold", "want",
]
# fmt: on
# Words that no text uses for machinery.
RETIRED_WORDS = ["at the gate", "heir", "kept aside", "let go", "the shelf", "the sweep", "untold"]


@cache
def names_in(path: Path) -> frozenset[str]:
    """Return every identifier and keyword of a file."""
    with tokenize.open(path) as file:
        return frozenset(each.string for each in tokenize.generate_tokens(file.readline) if each.type == tokenize.NAME)


def words_of(name: str) -> str:
    """Return the words of an identifier: `dead letters` of `DeadLetters` and of `dead_letters`."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|_", " ", name).lower()


def docstrings_in(path: Path) -> Iterator[str]:
    """Yield the docstrings of a file, each on one line and in lower case."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield " ".join((ast.get_docstring(node) or "").split()).lower()


@pytest.fixture(scope="module")
def package_words() -> str:
    """Return the words of all identifiers and docstrings of the package."""
    names = {words_of(name) for path in PACKAGE for name in names_in(path)}
    return "\n".join([*names, *(text for path in PACKAGE for text in docstrings_in(path))])


@pytest.mark.parametrize("term", TERMS)
def test_the_code_uses_each_term_of_the_glossary(term: str, package_words: str) -> None:
    assert re.search(rf"\b{term}", package_words)


@pytest.mark.parametrize("name", RETIRED_NAMES)
def test_no_code_uses_a_retired_name(name: str) -> None:
    assert [str(path.relative_to(ROOT)) for path in CODE if name in names_in(path)] == []


@pytest.mark.parametrize("word", RETIRED_WORDS)
def test_no_text_uses_a_retired_word(word: str) -> None:
    pattern = re.compile(rf"\b{word}\b", re.IGNORECASE)
    assert [str(path.relative_to(ROOT)) for path in [*CODE, *PAGES] if pattern.search(path.read_text())] == []
