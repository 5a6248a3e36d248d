"""Models by name: what the manifest says, what is downloaded, what is converted once."""

import errno
import hashlib
import re
import shutil
import tarfile
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from atrous.download import Remote
from atrous.errors import InputError
from atrous.importers.file_head import read_head
from atrous.importers.readers import weights_sha256
from atrous.labels import ADE20K, CITYSCAPES, PASCAL_VOC, LabelSpace
from atrous.model.build import build
from atrous.weights import cache, load
from atrous.weights.adopt import adopt
from atrous.weights.backbone import load_backbone
from atrous.weights.cache import converted_file
from atrous.weights.entry import Entry, Published
from atrous.weights.manifest import MANIFEST
from atrous.weights.zoo import ADE20K_ROWS, MODEL_ZOO
from fakes.fake_mobilenet import FakeMobileNet
from fakes.server import serving

ARCHIVE = Path(__file__).parents[1] / "reference" / "tensorflow_tiny.tar.gz"
CONTENT = ARCHIVE.read_bytes()
SHA256 = hashlib.sha256(CONTENT).hexdigest()
ROWS = LabelSpace(("unlabelled", "road", "tree", "car", "sky"))
PUBLISHED = Published("mIoU", 12.5, "a test", "scale 1")


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("ATROUS_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def server():
    with serving({"/tiny_2018.tar.gz": CONTENT}) as server:
        yield server


@pytest.fixture
def entry(server, monkeypatch):
    entry = Entry(
        name="tiny",
        file="tiny_2018.tar.gz",
        urls=(f"http://127.0.0.1:{server.server_port}/tiny_2018.tar.gz",),
        digest=None,
        size=None,
        licence="CC0-1.0",
        source="a test",
        data="numbers",
        rows=ROWS,
        published=(PUBLISHED,),
    )
    monkeypatch.setitem(MANIFEST, entry.name, entry)
    return entry


@pytest.fixture(scope="module")
def whole():
    """The network in the archive, whatever it is called."""
    return load.load(ARCHIVE).model


def logits(model):
    images = torch.arange(3 * 40 * 50).reshape(1, 3, 40, 50).remainder(251).to(torch.uint8)
    with torch.inference_mode():
        return model(images)


# Loading


@pytest.mark.usefixtures("entry")
def test_a_name_is_a_model_that_knows_its_classes_licence_and_numbers(whole):
    model = load.load("tiny")
    assert model.labels == ROWS
    assert model.sha256 == SHA256
    known = {"licence": "CC0-1.0", "trained_on": "numbers", "source": "tiny_2018.tar.gz", "sha256": SHA256}
    assert known.items() <= model.provenance.items()
    assert model.provenance["published"] == [{"metric": "mIoU", "value": 12.5, "on": "a test", "protocol": "scale 1"}]
    assert torch.equal(logits(model.model), logits(whole))


@pytest.mark.usefixtures("entry")
def test_the_second_load_neither_asks_nor_converts(server, home, monkeypatch):
    first = load.load("tiny")
    (home / "tiny_2018.tar.gz").unlink()
    server.manners = "missing"
    monkeypatch.setattr(load, "read_entry", None)
    second = load.load("tiny")
    assert len(server.asked) == 1
    assert (second.labels, second.sha256, second.provenance) == (first.labels, first.sha256, first.provenance)
    assert torch.equal(logits(first.model), logits(second.model))


@pytest.mark.usefixtures("entry")
def test_another_importer_converts_again(monkeypatch):
    load.load("tiny")
    before = converted_file(SHA256)
    monkeypatch.setattr(cache, "IMPORTER", cache.IMPORTER + 1)
    load.load("tiny")
    assert converted_file(SHA256) != before
    assert converted_file(SHA256).is_file()


@pytest.mark.usefixtures("entry")
def test_a_damaged_conversion_is_made_again():
    whole = load.load("tiny")
    content = converted_file(SHA256).read_bytes()
    converted_file(SHA256).write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    assert torch.equal(logits(load.load("tiny").model), logits(whole.model))
    assert converted_file(SHA256).read_bytes() == content


def test_rows_that_are_no_classes_are_left_out(entry, whole, monkeypatch):
    wanted = LabelSpace(ROWS.names[1:])
    monkeypatch.setitem(MANIFEST, "tiny", replace(entry, labels=wanted))
    model = load.load("tiny")
    assert model.labels == wanted
    torch.testing.assert_close(logits(model.model), logits(whole)[:, 1:], rtol=0, atol=1e-6)


def test_a_network_of_other_classes_is_another_file(entry, monkeypatch):
    monkeypatch.setitem(MANIFEST, "tiny", replace(entry, rows=PASCAL_VOC))
    with pytest.raises(InputError, match=r"tiny_2018.tar.gz has 5 classes, not 21; it is another file"):
        load.load("tiny")


@pytest.mark.usefixtures("entry")
@pytest.mark.parametrize("content", [b"<html>Log in</html>", CONTENT[: len(CONTENT) // 2], CONTENT[:-9] + b"123456789"])
def test_what_was_downloaded_but_cannot_be_read_is_not_trusted(server, home, content):
    server.files = {"/tiny_2018.tar.gz": content}
    with pytest.raises(InputError, match=r"tiny_2018.tar.gz"):
        load.load("tiny")
    assert {path.name for path in home.iterdir()} == {"tiny_2018.tar.gz.lock"}
    server.files = {"/tiny_2018.tar.gz": CONTENT}
    assert load.load("tiny").labels == ROWS


@pytest.mark.usefixtures("entry")
@pytest.mark.parametrize(
    "full", ["tempfile.mkdtemp", "atrous.importers.tensorflow.unpacking.shutil.copyfileobj", "mmap.mmap"]
)
def test_a_full_disk_does_not_cost_a_good_download(server, home, full):
    def refuse(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(full, refuse)
        with pytest.raises(InputError, match=r"cannot read .*tiny_2018.tar.gz: .*No space left on device") as error:
            load.load("tiny")
    assert "\n" not in str(error.value)
    assert (home / "tiny_2018.tar.gz").read_bytes() == CONTENT
    server.manners = "missing"
    assert load.load("tiny").labels == ROWS
    assert len(server.asked) == 1


def test_a_full_disk_says_which_folder_is_meant(tmp_path, monkeypatch):
    def refuse(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr("atrous.importers.tensorflow.unpacking.shutil.copyfileobj", refuse)
    with pytest.raises(InputError) as error:
        load.load(ARCHIVE)
    why = f"cannot unpack it below {tmp_path} (No space left on device); TMPDIR names another place"
    assert str(error.value) == f"cannot read {ARCHIVE}: {why}"
    assert not list(tmp_path.iterdir())


def test_the_sha256_of_what_cannot_be_read_is_one_line(tmp_path):
    with pytest.raises(InputError, match=f"cannot read {tmp_path / 'gone.pth'}: No such file"):
        weights_sha256(read_head(tmp_path / "gone.pth"))


def test_a_classifier_is_good_for_training_from_only(entry, server, whole, monkeypatch):
    monkeypatch.setitem(MANIFEST, "tiny", replace(entry, rows=None))
    with pytest.raises(InputError, match="tiny classifies whole images; train from it: --backbone-weights tiny"):
        load.load("tiny")
    assert server.asked == []
    model = build(whole.config)
    filled = load_backbone(model, "tiny").filled
    assert filled
    ours, theirs = model.state_dict(), whole.state_dict()
    assert all(torch.equal(ours[name], theirs[name]) for name in filled)


@pytest.mark.usefixtures("entry")
def test_a_file_of_the_name_comes_first(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tiny").write_bytes(FakeMobileNet(classes=4).content())
    assert len(load.load("tiny").labels) == 4


@pytest.mark.parametrize("part", ["", "model.ckpt", "model.ckpt.index", "model.ckpt.data-00000-of-00001"])
def test_folders_and_the_beginning_of_a_checkpoints_files_are_weights(tmp_path, whole, part):
    with tarfile.open(ARCHIVE) as tar:
        tar.extractall(tmp_path, filter="data")
    model = load.load(tmp_path / "deeplabv3_tiny" / part)
    assert torch.equal(logits(model.model), logits(whole))
    names = ("model.ckpt.index", "model.ckpt.data-00000-of-00001")
    contents = b"".join((tmp_path / "deeplabv3_tiny" / name).read_bytes() for name in names)
    assert model.sha256 == hashlib.sha256(contents).hexdigest()
    assert weights_sha256(read_head(ARCHIVE)) == SHA256


# Files of one's own


@pytest.fixture
def offline(server, entry):
    """Whoever asks the network gets nothing."""
    server.manners = "missing"
    return entry


@pytest.mark.usefixtures("offline")
def test_a_file_is_recognised_by_its_name_where_its_digest_is_not_known(tmp_path, home):
    mine = Path(shutil.copy(ARCHIVE, tmp_path / "tiny_2018.tar.gz"))
    assert adopt(mine).name == "tiny"
    assert (home / "tiny_2018.tar.gz.sha256").read_text().startswith(SHA256)
    assert converted_file(SHA256).is_file()
    assert load.load("tiny").labels == ROWS
    assert mine.exists()


@pytest.mark.parametrize("digest", [None, f"sha256:{SHA256[:8]}"])
def test_a_file_is_hashed_once(offline, tmp_path, monkeypatch, digest):
    monkeypatch.setitem(MANIFEST, "tiny", replace(offline, digest=digest))
    hashed = []
    whole_digest = hashlib.file_digest

    def counted(file, algorithm):
        hashed.append(algorithm)
        return whole_digest(file, algorithm)

    monkeypatch.setattr(hashlib, "file_digest", counted)
    monkeypatch.setattr(load, "weights_sha256", lambda _: hashed.append("sha256 again"))
    adopt(Path(shutil.copy(ARCHIVE, tmp_path / "tiny_2018.tar.gz")))
    assert hashed == ["sha256"]
    assert load.load("tiny").sha256 == SHA256


def test_a_renamed_file_is_recognised_by_its_digest(offline, tmp_path, monkeypatch):
    monkeypatch.setitem(MANIFEST, "tiny", replace(offline, digest=f"sha256:{SHA256[:8]}"))
    adopt(Path(shutil.copy(ARCHIVE, tmp_path / "download (1)")))
    assert load.load("tiny").sha256 == SHA256


@pytest.mark.usefixtures("offline")
def test_a_renamed_file_without_a_known_digest_is_to_be_named(tmp_path):
    mine = Path(shutil.copy(ARCHIVE, tmp_path / "download (1)"))
    with pytest.raises(InputError, match=r"nothing in the manifest has its sha256 or its name; .*--name NAME"):
        adopt(mine)
    assert adopt(mine, name="tiny").name == "tiny"
    with pytest.raises(InputError, match="the manifest has no tinny"):
        adopt(mine, name="tinny")


@pytest.mark.usefixtures("offline")
def test_what_was_trusted_before_is_not_replaced(tmp_path):
    adopt(ARCHIVE, name="tiny")
    other = tmp_path / "tiny_2018.tar.gz"
    other.write_bytes(CONTENT + b"\0")
    with pytest.raises(InputError, match="is another file than tiny: its digest differs"):
        adopt(other, name="tiny")


@pytest.mark.usefixtures("offline")
@pytest.mark.parametrize("content", [b"", b"<html>", CONTENT[:-100], CONTENT[: len(CONTENT) // 2]])
def test_what_cannot_be_read_is_not_trusted(tmp_path, home, content):
    mine = tmp_path / "tiny_2018.tar.gz"
    mine.write_bytes(content)
    with pytest.raises(InputError, match=r"tiny_2018.tar.gz") as error:
        adopt(mine)
    assert "\n" not in str(error.value)
    assert not (home / "tiny_2018.tar.gz.sha256").exists()
    assert not (home / "tiny_2018.tar.gz").exists()


def test_a_folder_and_a_missing_file_are_named(tmp_path):
    for path in (tmp_path, tmp_path / "missing.tar.gz"):
        with pytest.raises(InputError, match=f"{path} is no file"):
            adopt(path)


# What the manifest says


def test_addresses_digests_and_files_are_well_formed():
    assert len({entry.file for entry in MANIFEST.values()}) == len(MANIFEST)
    for name, entry in MANIFEST.items():
        assert re.fullmatch(r"[a-z0-9_-]+", name), name
        assert all(re.fullmatch(r"https://[\w./-]+", url) for url in entry.urls), name
        assert entry.licence
        assert entry.source
        assert entry.data
        lengths = {"sha256": 64, "sha384": 96}
        algorithm, _, digest = (entry.digest or "").partition(":")
        if entry.digest and not name.startswith("torchvision-"):
            assert re.fullmatch(rf"[0-9a-f]{{{lengths[algorithm]}}}", digest), name
            assert entry.size, name


def test_torchvisions_files_are_named_after_their_digests():
    found = [entry for name, entry in MANIFEST.items() if name.startswith("torchvision-")]
    assert len(found) == 13
    for entry in found:
        assert entry.digest
        assert re.fullmatch(r"sha256:[0-9a-f]{8}", entry.digest)
        assert entry.file.endswith(f"-{entry.digest.removeprefix('sha256:')}.pth")


def test_the_zoo_is_complete_and_says_what_it_cannot_give():
    """Its three tables have 8, 8 and 8 files (those of several rows once)."""
    assert len(MODEL_ZOO) == 24
    by_rows = [[entry for entry in MODEL_ZOO if entry.rows == rows] for rows in (PASCAL_VOC, CITYSCAPES, ADE20K_ROWS)]
    assert list(map(len, by_rows)) == [8, 8, 2]
    assert {entry.name for entry in MODEL_ZOO if entry.refused} == {
        "xception71-dpc-cityscapes",
        "xception71-dpc-cityscapes-trainval",
        "edgetpu-cityscapes",
        "edgetpu-slim-cityscapes",
    }
    assert [row.value for row in MANIFEST["xception65-voc"].published] == [82.20, 83.58]
    assert all("Cityscapes" in entry.licence for entry in by_rows[1])


def test_ade20k_is_counted_from_one_and_loses_what_is_ignored():
    assert len(ADE20K_ROWS) == 151
    assert ADE20K_ROWS.names[1:] == ADE20K.names == MANIFEST["xception65-ade20k"].labels.names
    assert ADE20K_ROWS.palette[1:] == ADE20K.palette


@pytest.mark.shared
@pytest.mark.parametrize(
    "name", ["mobilenet_v2_imagenet", "mobilenetv2-voc-tflite-8bit", "mobilenetv2-dm05-voc-tflite"]
)
def test_official_files_have_the_digests_of_the_manifest(shared, name):
    entry = MANIFEST[name]
    path = shared / "weights" / entry.file
    assert path.stat().st_size == entry.size
    assert Remote(entry.urls, entry.digest, entry.size).fits(path)


@pytest.mark.shared
def test_official_files_are_taken_by_their_digests(shared, tmp_path):
    entry = MANIFEST["mobilenetv2-dm05-voc-tflite"]
    assert adopt(Path(shutil.copy(shared / "weights" / entry.file, tmp_path / "deeplabv3.tflite"))) == entry
    assert load.load(entry.name).labels == PASCAL_VOC
