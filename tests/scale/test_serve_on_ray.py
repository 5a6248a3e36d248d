"""`atrous serve --ray`: answers of the plain service, and weights that are replaced while requests come."""

import functools
import io
import socket
import threading

import httpx
import numpy as np
import pytest
from PIL import Image

import atrous
from atrous.cli.inference import Inference
from atrous.cli.main import main
from atrous.cli.serve import load_served
from atrous.errors import InputError
from atrous.scale import serve
from serving.tiny_service import LIMITS, SPACE, encoded_as, picture, tiny_archive

pytestmark = pytest.mark.filterwarnings("ignore::Warning:ray")


def deployed(path, seed: int) -> str:
    """Deploy random weights under the name of the earlier ones; returns their digest."""
    atrous.save(path, tiny_archive(seed).model, labels=SPACE, provenance={})
    load = functools.partial(load_served, f"tiny={path}", Inference(device="cpu"))
    digest = load()[2].sha256
    serve.deploy([load], [digest], limits=LIMITS, replicas=serve.Replicas())
    return digest


def digest_of(address: str) -> str:
    return httpx.get(f"{address}/v1/model", timeout=60).json()["models"][0]["sha256"]


@pytest.mark.slow
@pytest.mark.usefixtures("one_cluster")
def test_answers_are_the_predictors_and_new_weights_fail_no_request(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    address = serve.listen("127.0.0.1", port)
    image, content = picture(), encoded_as(picture())
    first = deployed(tmp_path / "tiny.safetensors", 1)
    assert digest_of(address) == first
    answers = [httpx.post(f"{address}/v1/segment?output=labels", content=content, timeout=60)]
    found = np.array(Image.open(io.BytesIO(answers[0].content)))
    assert np.array_equal(found, atrous.Predictor(tiny_archive(1), device="cpu")(image).labels)
    assert len(np.unique(found)) > 1

    done = threading.Event()

    def ask() -> None:
        while not done.is_set():
            answers.append(httpx.post(f"{address}/v1/segment?output=labels", content=content, timeout=60))

    asking = threading.Thread(target=ask)
    asking.start()
    second = deployed(tmp_path / "tiny.safetensors", 2)
    done.set()
    asking.join()
    assert digest_of(address) == second != first
    assert {answer.status_code for answer in answers} == {200}
    expected = atrous.Predictor(tiny_archive(2), device="cpu")(image).labels
    assert not np.array_equal(found, expected)
    last = httpx.post(f"{address}/v1/segment?output=labels", content=content, timeout=60)
    assert np.array_equal(np.array(Image.open(io.BytesIO(last.content))), expected)
    serve.end()


@pytest.mark.parametrize("numbers", [(0, 1), (3, 2), (-1, -1)])
def test_numbers_of_replicas_that_are_no_range_are_refused(numbers):
    with pytest.raises(InputError, match=f"^--replicas {numbers[0]} {numbers[1]} is no range"):
        serve.Replicas(*numbers)


@pytest.mark.parametrize("port", ["0", "-1", "65536"])
def test_a_port_that_machines_cannot_share_is_a_line(port):
    with pytest.raises(InputError, match=f"^--port {port} is no port that all machines have"):
        serve.listen("127.0.0.1", int(port))


@pytest.mark.parametrize(
    ("options", "line"),
    [
        (["--replicas", "1", "2"], "--replicas is an option of --ray; add it, or leave this one out"),
        (
            ["--ray", "--label-studio", "http://ls"],
            "--label-studio is for one machine; leave it out, or leave out --ray",
        ),
    ],
)
def test_options_that_do_not_fit_are_a_line(options, line, capsys):
    assert main(["serve", "nothing.safetensors", *options]) == 2
    assert capsys.readouterr().err == f"atrous serve: {line}\n"
