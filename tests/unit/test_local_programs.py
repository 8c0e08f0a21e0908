"""The environment of the shop's processes on one machine."""

import os

import pytest

from pizzashop.local.programs import role_environment


@pytest.mark.parametrize(("cores", "threads"), [(1, "1"), (2, "1"), (4, None), (None, None)])
def test_on_few_cores_a_dapr_process_runs_one_thread_at_a_time(
    cores: int | None, threads: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("GOMAXPROCS", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: cores)
    assert role_environment().get("GOMAXPROCS") == threads


def test_the_number_of_threads_that_a_user_sets_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 1)
    monkeypatch.setenv("GOMAXPROCS", "3")
    assert role_environment()["GOMAXPROCS"] == "3"
