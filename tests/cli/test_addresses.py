"""Pictures at addresses from the command line: downloaded within limits, predicted like files, named by address."""

import io

import numpy as np
import pytest
from PIL import Image

import atrous
from atrous.cli.addresses import local_inputs
from atrous.cli.main import main
from fakes.lively_model import LABELS, blocks, lively_model
from fakes.server import serving


@pytest.fixture
def weights(tmp_path):
    atrous.save(tmp_path / "lively.safetensors", lively_model(), labels=LABELS, provenance={})
    return str(tmp_path / "lively.safetensors")


def png(seed=0):
    content = io.BytesIO()
    Image.fromarray(blocks(34, 50, seed=seed)[0].permute(1, 2, 0).numpy()).save(content, format="PNG")
    return content.getvalue()


def test_pictures_are_those_of_the_server_and_failures_are_named_by_their_address(weights, tmp_path, capsys):
    files = {"/city/street.png?size=1": png(), "/page.png": b"<html>no</html>"}
    with serving(files) as server:
        address = f"http://127.0.0.1:{server.server_address[1]}"
        inputs = [f"{address}/city/street.png?size=1", f"{address}/page.png", f"{address}/none.png", "ftp://a/b.png"]
        assert main(["predict", weights, *inputs, "--out", str(tmp_path / "out"), "--device", "cpu"]) == 1
    written = {path.name for path in (tmp_path / "out").iterdir()}
    assert written == {"street.png", "street_overlay.jpg"}
    labels = np.array(Image.open(tmp_path / "out" / "street.png"))
    np.testing.assert_array_equal(labels, atrous.Predictor(weights)(png()).labels)
    shown = capsys.readouterr().err
    assert f"{address}/page.png is a web page, not the picture" in shown
    assert f"cannot download {address}/none.png: HTTP 404" in shown
    assert "ftp://a/b.png: only http and https addresses are downloaded" in shown
    assert "/tmp/tmp" not in shown


def test_with_no_input_left_nothing_is_computed(weights, tmp_path, capsys):
    assert main(["predict", weights, "ftp://a/b.png", "--out", str(tmp_path / "out")]) == 1
    assert not (tmp_path / "out").exists()
    assert len(capsys.readouterr().err.splitlines()) == 1


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/a/street.jpg", "street.jpg"),
        ("/a/..%2F..%2Fetc%2Fpasswd", "passwd"),
        ("/%2e%2e", "picture"),
        ("/", "picture"),
        ("/.hidden.png", "hidden.png"),
        ("/a%00b%0A.png", "a_b_.png"),
        ("/" + "x" * 300 + ".png", "x" * 96 + ".png"),
    ],
)
def test_file_names_are_plain_whatever_the_address_holds(path, name):
    with serving({path: b"content"}) as server:
        address = f"http://127.0.0.1:{server.server_address[1]}{path}"
        with local_inputs(["photos/", address]) as local:
            assert local.problems == ()
            folder, file = local.inputs
            assert (folder, file.rpartition("/")[2]) == ("photos/", name)
            assert local.named(f"cannot read {file}") == f"cannot read {address}"
