"""The tests of the chart need Helm, which `make test-chart` builds once."""

import pytest
from chart.helm import HOME, OPERATOR_CRDS


@pytest.fixture(autouse=True, scope="session")
def _helm_is_built() -> None:
    if not (HOME.exists() and OPERATOR_CRDS.exists()):
        pytest.skip("there is no Helm: run `make test-chart`")
