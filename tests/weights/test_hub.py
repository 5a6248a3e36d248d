"""Archives to and from a hub, against a stand-in of its interface on the loopback."""

import time

import pytest
import torch
import yaml
from safetensors.torch import save_file

from atrous.cli.main import main
from atrous.download import file_digest
from atrous.errors import InputError
from atrous.labels import LabelSpace
from atrous.weights import archive, hub
from atrous.weights.card import model_card
from atrous.weights.load import load
from fakes.fake_mobilenet import FakeMobileNet
from fakes.hub import serving_hub

# The hub's library still calls its HTTP client in an old way where it uploads.
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")

PROVENANCE = {
    "trained_on": "own scenes",
    "licence": "Apache-2.0",
    "published": [{"metric": "mIoU", "value": 71.5, "on": "own val", "protocol": "output stride 16"}],
}
LABELS = LabelSpace(("road", "car | <b>", "tree"))


@pytest.fixture
def server(tmp_path, monkeypatch):
    """An empty hub, whose library finds neither a cache nor a token of anybody's."""
    monkeypatch.setenv("ATROUS_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HF_TOKEN", "hf_of_a_test")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_DISABLE_XET", True)  # plain HTTP, which the stand-in speaks
    with serving_hub() as server:
        monkeypatch.setenv("HF_ENDPOINT", server.address)
        yield server


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """An archive."""
    folder = tmp_path_factory.mktemp("hub")
    (folder / "three.tflite").write_bytes(FakeMobileNet(classes=3).content())
    path = folder / "three.safetensors"
    archive.save(path, load(folder / "three.tflite").model, labels=LABELS, provenance=PROVENANCE)
    return path


def test_what_was_pushed_is_loaded_bit_by_bit(server, written, capsys):
    assert main(["weights", "push", str(written), "ada/scenes", "--private"]) == 0
    assert capsys.readouterr().out == "address  hf://ada/scenes\n"
    assert server.files["ada/scenes"]["model.safetensors"] == written.read_bytes()
    assert server.private == {"ada/scenes": True}
    found, sent = load("hf://ada/scenes"), load(written)
    assert (found.sha256, found.labels, found.provenance) == (sent.sha256, LABELS, PROVENANCE)
    assert all(map(torch.equal, found.model.state_dict().values(), sent.model.state_dict().values()))


def test_what_was_loaded_is_found_without_the_hub(server, written, monkeypatch):
    server.files["ada/scenes"] = {"model.safetensors": written.read_bytes()}
    first = load("hf://ada/scenes")
    server.files.clear()
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    assert load("hf://ada/scenes").sha256 == first.sha256


def test_other_files_and_revisions(server, written):
    server.files["ada/scenes"] = {"small/best.safetensors": written.read_bytes()}
    assert load("hf://ada/scenes/small/best.safetensors@v1.0").labels == LABELS
    assert server.asked[-1] == "GET /ada/scenes/resolve/v1.0/small/best.safetensors"


def test_the_card_says_what_the_archive_says(server, written):
    hub.push(written, "ada/scenes")
    card = server.files["ada/scenes"]["README.md"].decode()
    front, body = card.removeprefix("---\n").split("\n---\n")
    assert yaml.safe_load(front) == {
        "library_name": "atrous",
        "pipeline_tag": "image-segmentation",
        "tags": ["semantic-segmentation", "deeplabv3", "mobilenet_v2"],
        "license": "apache-2.0",
    }
    assert 'atrous.load("hf://ada/scenes")' in body
    assert "| data | own scenes |" in body
    assert r"| classes | road, car \| &lt;b&gt;, tree |" in body
    assert "| mIoU | 71.5 | own val, output stride 16, as published |" in body
    assert f"| sha256 of the contents | {load(written).sha256} |" in body


def test_a_card_of_a_run_has_its_data_licence_and_result(written):
    run = {
        "trained_on": {"name": "CamVid", "split": "train", "licence": "research only"},
        "results": [{"miou": 0.7227, "protocol": {"split": "val"}}, {"miou": None, "protocol": {}}],
    }
    described = load(written)
    card = model_card(archive.Archive(described.model, LABELS, run, described.sha256), address="hf://ada/scenes")
    assert '\nlicense: "other"\nlicense_name: "research only"\n' in card
    assert "| data | CamVid, train |" in card
    assert '| mIoU | 72.27 | {"split": "val"} |' in card
    assert "| mIoU | none | {} |" in card


@pytest.mark.parametrize(
    "text", ["```\n# Free money", "<script>x</script>", "---\nlicense: mit", "](http://x) ![", "\x1b[2J"]
)
def test_nothing_in_an_archive_becomes_markup(written, text):
    hostile = {"licence": text, "trained_on": text, "published": [{"metric": text, text: text}], text: [text]}
    described = load(written)
    card = model_card(archive.Archive(described.model, LABELS, hostile, described.sha256), address="hf://ada/scenes")
    _, front, body = card.split("---\n", 2)
    assert yaml.safe_load(front)["license"] == "other"
    prose = [line for line in body.splitlines() if not line.startswith("    ")]
    assert not any("<" in line or "\x1b" in line for line in prose)
    assert [line for line in prose if line.startswith("```")] == ["```python", "```"]
    assert [line for line in prose if line.startswith("#")] == ["# scenes", "## Results", "## Provenance"]
    assert not any("](" in line and "\\](" not in line for line in prose)


@pytest.mark.parametrize(
    "address",
    [
        "hf://ada",
        "hf://",
        "hf://ada/scenes/model.bin",
        "hf://ada/scenes/pytorch_model.pth",
        "hf://a b/c",
        "hf://../..",
        "hf://ada/../x.safetensors",
        "hf://ada/scenes/a/../../x.safetensors",
    ],
)
def test_nothing_but_an_archives_address_is_asked_for(server, address):
    with pytest.raises(InputError, match="is no archive on a hub; give hf://user/name"):
        load(address)
    assert server.asked == []


def test_files_of_others_are_not_read(server, tmp_path):
    save_file({"backbone.weight": torch.zeros(3)}, tmp_path / "other.safetensors")
    contents = {"model.safetensors": (tmp_path / "other.safetensors").read_bytes(), "page.safetensors": b"<html>"}
    server.files["ada/other"] = contents
    for address in ("hf://ada/other", "hf://ada/other/page.safetensors"):
        with pytest.raises(InputError, match=f"{address} is no archive of atrous"):
            load(address)


def test_a_file_of_any_size_is_not_fetched(server, written):
    server.files["ada/scenes"] = {"model.safetensors": written.read_bytes()}
    server.said_size = 5 << 30
    with pytest.raises(InputError, match="has 5368709120 bytes, more than any archive"):
        load("hf://ada/scenes")
    assert not any(line.startswith("GET") for line in server.asked)


@pytest.mark.parametrize("repository", ["ada/missing", "ada/scenes"])
def test_what_is_not_there_is_one_line(server, repository):
    server.files["ada/scenes"] = {}
    with pytest.raises(InputError, match=f"cannot fetch hf://{repository}: ") as error:
        load(f"hf://{repository}")
    assert "\n" not in str(error.value)


def test_a_hub_that_refuses_is_one_line(server, written):
    server.refuses = True
    with pytest.raises(InputError, match=r"cannot push to hf://ada/scenes: .*403") as error:
        hub.push(written, "ada/scenes")
    assert "\n" not in str(error.value)


def test_no_hub_at_all_is_one_line(monkeypatch, tmp_path):
    monkeypatch.setenv("ATROUS_HOME", str(tmp_path))
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    begin = time.monotonic()
    line = r"cannot fetch hf://ada/scenes: http://127.0.0.1:9 does not answer \(.*refused\), nor is it in the cache; "
    with pytest.raises(InputError, match=line) as error:
        load("hf://ada/scenes")
    assert "\n" not in str(error.value)
    assert time.monotonic() - begin < 5


def names(folder):
    return {path.name for path in folder.rglob("*") if path.is_file()}


def test_another_file_than_the_hub_states_is_named_and_nothing_of_it_is_kept(server, written, tmp_path):
    server.files["ada/scenes"] = {"model.safetensors": written.read_bytes()}
    server.manners = "lies"
    with pytest.raises(InputError, match=r"cannot download hf://ada/scenes .*another one \(its sha256 is not") as error:
        load("hf://ada/scenes")
    assert "\n" not in str(error.value)
    assert names(tmp_path / "home") == {"model.safetensors.lock"}
    server.manners = "fine"
    assert load("hf://ada/scenes").sha256 == archive.load(written).sha256


def test_a_broken_download_from_the_hub_goes_on(server, written):
    server.files["ada/scenes"] = {"model.safetensors": written.read_bytes()}
    server.manners = "cuts off"
    with pytest.raises(InputError, match=r"cannot download hf://ada/scenes .*ended after \d+ of \d+ bytes"):
        load("hf://ada/scenes")
    server.manners = "fine"
    assert load("hf://ada/scenes").labels == LABELS


def test_a_slow_hub_is_given_up(server, written):
    server.files["ada/scenes"] = {"model.safetensors": written.read_bytes()}
    server.manners = "drips"
    begin = time.monotonic()
    with pytest.raises(InputError, match=r"cannot download hf://ada/scenes .*only \d+ bytes in 0\.\d+ s"):
        hub.fetch_file("hf://ada/scenes", "ada/scenes", "model.safetensors", timeout=0.1)
    assert time.monotonic() - begin < 5


def test_an_endless_file_ends_where_the_hub_said(server, written, tmp_path):
    server.files["ada/scenes"] = {"model.safetensors": written.read_bytes()}
    server.manners = "endless"
    seen = []
    with pytest.raises(InputError, match="its sha256 is not"):
        hub.fetch_file("a", "ada/scenes", "model.safetensors", on_progress=lambda done, _: seen.append(done))
    assert max(seen) == written.stat().st_size
    assert names(tmp_path / "home") == {"model.safetensors.lock"}


def test_a_token_goes_to_the_hub_and_not_to_its_storage(server, written):
    server.files["ada/scenes"] = {"model.safetensors": written.read_bytes(), "here.safetensors": written.read_bytes()}
    load("hf://ada/scenes/here.safetensors")
    assert server.tokens[0] == server.tokens[-1] == "Bearer hf_of_a_test"  # for the address, and for the file
    with serving_hub() as storage:
        storage.files["ada/scenes"] = server.files["ada/scenes"]
        server.storage = storage.address
        assert load("hf://ada/scenes").labels == LABELS
        assert storage.tokens
        assert {*storage.tokens} == {None}


def test_a_small_file_that_changed_is_fetched_anew(server):
    server.files["ada/scenes"] = {"config.json": b"hello\n"}
    assert hub.fetch_file("hf://ada/scenes", "ada/scenes", "config.json").read_bytes() == b"hello\n"
    server.files["ada/scenes"] = {"config.json": b"HELLO\n"}  # as many bytes
    assert hub.fetch_file("hf://ada/scenes", "ada/scenes", "config.json").read_bytes() == b"HELLO\n"


def test_a_digest_of_git_is_what_git_prints(tmp_path):
    (tmp_path / "hello").write_bytes(b"hello\n")
    # printed by: printf 'hello\n' | git hash-object --stdin
    assert file_digest(tmp_path / "hello", "git") == "ce013625030ba8dba906f756967f9e9ca394464a"
