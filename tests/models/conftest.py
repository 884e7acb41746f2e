"""The real models, where their packages are installed."""

import pytest

from tokenlab import models


def real(name):
    """The model, once a process, or a skip."""
    if models.find(name) is None:
        pytest.skip(f"needs {models.SOURCES[name].install}")
    return models.load(name)


@pytest.fixture(scope="session")
def minilm():
    return real("minilm")


@pytest.fixture(scope="session")
def dinov2():
    return real("dinov2-small")


@pytest.fixture(scope="session")
def smollm2():
    return real("smollm2")
