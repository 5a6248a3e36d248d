"""One service with two tiny models, called in this process, for all tests of the folder.

Modules of the extra `serve` are imported by the fixtures: a GPU machine may lack it.
"""

import pytest


@pytest.fixture(scope="session")
def archives():
    from tiny_service import tiny_archive

    return [tiny_archive(1), tiny_archive(2)]


@pytest.fixture(scope="session")
def service(archives):
    from tiny_service import LIMITS

    from atrous.inference.predictor import Predictor
    from atrous.serving.models import Models, ServedModel
    from atrous.serving.service import Service

    models = [ServedModel(name, archive, Predictor(archive)) for name, archive in zip("ab", archives, strict=True)]
    service = Service(Models(models), LIMITS)
    yield service
    service.close()


@pytest.fixture(scope="session")
def client(service):
    from starlette.testclient import TestClient

    from atrous.serving.app import build_app

    with TestClient(build_app(service)) as client:
        yield client


@pytest.fixture(scope="session")
def address(service):
    """The address of a server of the service, in a thread."""
    from tiny_service import served

    from atrous.serving.app import build_app

    with served(build_app(service)) as address:
        yield address
