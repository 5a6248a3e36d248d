"""The Ray cluster of these tests."""

import pytest

from atrous.scale.cluster import cluster


@pytest.fixture(scope="session")
def one_cluster():
    """One cluster for all tests: starting it takes longer than they do."""
    with cluster():
        yield
