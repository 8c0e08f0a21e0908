"""The table of statuses: every status has all of its facts and words, and every scene has a drawing."""

from pathlib import Path

import pytest
from jinja2 import Environment, FileSystemLoader

import pizzashop
from pizzashop import pages
from pizzashop.domain.lifecycle import (
    COOK_STEP,
    DECISION_BY_NAME,
    DECISION_TABLE,
    DELIVER_STEP,
    FINAL,
    HAPPY_PATH,
    ORDER_STEP,
    RANK,
    STATUS_BY_NAME,
    STATUS_TABLE,
    STATUSES,
    STEPS,
    DecisionWords,
    Milestone,
    Picture,
    Status,
    entry_text,
    remake_text,
    status_text,
)
from pizzashop.pages.drawings import pieces

every_status = pytest.mark.parametrize("row", STATUS_TABLE, ids=lambda row: row.name)
every_row = pytest.mark.parametrize("row", [*STATUS_TABLE, *DECISION_TABLE], ids=lambda row: row.name)


@pytest.fixture(scope="module")
def templates() -> Environment:
    assert pages.__file__
    environment = Environment(loader=FileSystemLoader(Path(pages.__file__).parent / "templates"), autoescape=True)
    environment.filters["pieces"] = pieces
    return environment


def draw(templates: Environment, picture: Picture) -> str:
    return templates.get_template("_scene.html").render(picture=picture, headline="", pizza=None)


def test_every_status_has_one_row() -> None:
    assert len(STATUS_TABLE) == len(STATUSES)
    assert set(HAPPY_PATH) | FINAL == STATUSES
    assert not STATUS_BY_NAME.keys() & DECISION_BY_NAME.keys()


@every_row
def test_every_status_and_decision_has_its_words(row: Status | DecisionWords) -> None:
    assert row.text
    assert row.text == status_text(row.name)
    assert "_" not in row.text
    assert row.headline
    assert "{" not in row.headline.replace("{pizza}", "")
    assert row.phase


def test_the_words_for_a_late_decision_name_no_author() -> None:
    assert entry_text("approved", "ana", "looks good") == "approved by ana: looks good"
    assert entry_text("overdue", "the clock", "no decision for 10 s") == (
        "waiting too long for the manager: no decision for 10 s"
    )


def test_the_words_for_an_unknown_status_are_its_name() -> None:
    assert status_text("out_for_lunch") == "out for lunch"


@pytest.mark.parametrize(("note", "reason"), [("too dark", ": too dark."), ("cold!", ": cold!"), (None, ".")])
def test_a_customer_reads_why_a_pizza_is_made_again(note: str | None, reason: str) -> None:
    assert remake_text(note) == f"The manager asked for a new one{reason} We're making it again."


@every_row
def test_every_scene_has_a_drawing(row: Status | DecisionWords, templates: Environment) -> None:
    assert len(draw(templates, row.picture)) > len(draw(templates, Picture("a scene without a drawing"))) + 100


@every_status
def test_every_status_of_the_happy_path_has_a_milestone_on_the_customers_line(row: Status) -> None:
    assert (row.milestone is None) == (row.name not in RANK)


def test_the_customers_line_follows_the_happy_path() -> None:
    milestones = [STATUS_BY_NAME[status].milestone for status in HAPPY_PATH]
    assert list(dict.fromkeys(milestones)) == list(Milestone)
    assert sorted(milestones, key=list(Milestone).index) == milestones


@every_status
def test_a_stage_belongs_to_a_step_and_lasts(row: Status) -> None:
    if row.seconds is not None:
        assert row.step is not None
        assert row.seconds > 0


def test_a_step_ends_with_its_last_status() -> None:
    assert ORDER_STEP.published_statuses == ("validating", "processing", "confirmed")
    assert COOK_STEP.published_statuses[0] == "cooking_preparing_ingredients"
    assert COOK_STEP.published_statuses[-1] == "cooked"
    assert DELIVER_STEP.published_statuses[0] == "delivery_finding_driver"
    assert DELIVER_STEP.published_statuses[-1] == "delivered"


def test_only_an_ended_order_is_in_the_phase_ended() -> None:
    assert {row.name for row in STATUS_TABLE if row.phase == "ended"} == FINAL


def test_no_other_file_of_the_shop_lists_stages() -> None:
    assert pizzashop.__file__
    package = Path(pizzashop.__file__).parent
    texts = {path: path.read_text() for kind in ("py", "html", "js", "css") for path in package.rglob(f"*.{kind}")}
    # A step answers with its last status, so other files may name that.
    stages = [f'"{stage.status}"' for step in STEPS for stage in step.timed_stages if stage.status != step.done_status]
    assert [path.name for path, text in texts.items() if any(stage in text for stage in stages)] == ["lifecycle.py"]
