"""Exported pages in a browser: their labels are those of the predictor, and every failure has a state of its own."""

import io
import re
import shutil
import subprocess
import sys
from contextlib import contextmanager

import numpy as np
import onnx
import onnxruntime
import pytest
from axe_playwright_python.sync_playwright import Axe
from PIL import Image
from playwright.sync_api import expect

from atrous.export.web_folder import export_web
from atrous.inference.predictor import Predictor

SEEN = 60_000
"""Milliseconds: a machine may be busy."""


@contextmanager
def served(*command):
    """Start a server; gives its address."""
    with subprocess.Popen(
        [sys.executable, *command], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as server:
        port = re.search(r"(?:127\.0\.0\.1:|port )(\d+)", server.stdout.readline())[1]
        yield f"http://127.0.0.1:{port}"
        server.terminate()


@pytest.fixture(scope="module")
def addresses(web_folder):
    """Addresses of the folder: of its own server, whose headers allow threads, and of Python's."""
    plain = ("-u", "-m", "http.server", "0", "--bind", "127.0.0.1", "--directory", str(web_folder))
    with served(str(web_folder / "serve.py"), "0") as own, served(*plain) as other:
        yield {"threads": own, "one thread": other}


@pytest.fixture
def open_page(browser):
    """Opens pages; at the end nothing was said on their consoles and no other host was asked."""
    complaints, contexts = [], []
    known = ("No available adapters.", "Failed to load resource")  # the browser's own, about WebGPU and a status of 404

    def opened(address, **settings):
        context = browser.new_context(**{"viewport": {"width": 1280, "height": 800}, **settings})
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(SEEN)
        page.on("console", lambda line: None if line.text.startswith(known) else complaints.append(line.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        own = (address, "data:", f"blob:{address}")
        page.on("request", lambda request: None if request.url.startswith(own) else complaints.append(request.url))
        page.goto(f"{address}/")
        return page

    yield opened
    for context in contexts:
        context.close()
    assert complaints == []


def picture(height, width, seed):
    """Large patches of colour and noise."""
    generator = np.random.default_rng(seed)
    patches = generator.integers(0, 256, (4, 5, 3), dtype=np.uint8)
    smooth = np.asarray(Image.fromarray(patches).resize((width, height), Image.Resampling.BICUBIC), int)
    return np.clip(smooth + generator.integers(-30, 31, smooth.shape), 0, 255).astype(np.uint8)


def file(name, image):
    content = io.BytesIO()
    Image.fromarray(image).save(content, "png")
    return {"name": name, "mimeType": "image/png", "buffer": content.getvalue()}


def computed(page, chosen, name):
    """Choose a picture, and wait for the words about its labels."""
    page.locator("#files").set_input_files([chosen])
    expect(page.locator("#status")).to_have_text(re.compile(rf"^{name}: "), timeout=SEEN)


def downloaded(page):
    with page.expect_download() as download:
        page.locator("#download").click()
    with Image.open(download.value.path()) as saved:
        assert saved.mode == "P"
        return np.array(saved), np.array(saved.getpalette()).reshape(-1, 3)


@pytest.mark.parametrize("way", ["threads", "one thread"])
def test_labels_are_those_of_the_predictor(exported, open_page, addresses, way):
    page = open_page(addresses[way])
    isolated = way == "threads"
    assert page.evaluate("crossOriginIsolated") is isolated
    for size, seed in (((90, 121), 1), ((64, 33), 2)):
        image = picture(*size, seed)
        expected = Predictor(exported.weights)(image)
        computed(page, file(f"street{seed}.png", image), f"street{seed}.png")
        labels, palette = downloaded(page)
        np.testing.assert_array_equal(labels, expected.labels)
        np.testing.assert_array_equal(palette[: len(exported.weights.labels)], exported.weights.labels.palette)
        assert len(np.unique(labels)) > 2
    shares = {name: share for name, share in expected.shares().items() if share > 0}
    ordered = sorted(shares, key=lambda name: -shares[name])
    assert page.locator("#legend .name").all_inner_texts() == ordered
    assert page.locator("#legend .share").all_inner_texts() == [f"{100 * shares[name]:.1f} %" for name in ordered]
    expect(page.locator("#engine")).to_have_text(
        re.compile(r"WebAssembly with SIMD, \d+ threads?" if isolated else "1 thread; ")
    )


COMPUTED = """async ([numbers, height, width]) => {
  const runtime = await import("./ort.wasm.min.mjs");
  const session = await runtime.InferenceSession.create("model.onnx", { executionProviders: ["wasm"] });
  const image = new runtime.Tensor("uint8", Uint8Array.from(numbers), [1, height, width, 3]);
  return Array.from((await session.run({ image })).labels.data, Number);
}"""
"""Labels of an image by the page's engine alone, without a line of the page."""


def labels_and_margins(path, image):
    """What ONNX Runtime on this processor says, and by how much the best logit of a pixel exceeds the second."""
    model = onnx.load(path)
    (last,) = (node for node in model.graph.node if node.op_type == "ArgMax")
    model.graph.output.append(onnx.helper.make_tensor_value_info(last.input[0], onnx.TensorProto.FLOAT, None))
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    labels, logits = session.run(None, {"image": image[None]})
    axis = {attribute.name: attribute.i for attribute in last.attribute}["axis"]
    second, best = np.sort(np.moveaxis(logits, axis, -1)[0], axis=-1)[..., -2:].transpose(2, 0, 1)
    return labels[0], best - second


def test_files_of_8_bits_give_the_labels_of_onnx_runtime_on_this_processor(recorded, open_page, tmp_path):
    """Exactly those of the page's engine; on this processor sums of float32 between layers of 8 bits may round
    otherwise, which decides pixels whose two best classes are nearly equal.
    """
    out, pictures = tmp_path / "page", [picture(49, 65, seed) for seed in range(4)]
    export_web(recorded.weights, out, name="eight", precision="int8", calibration=pictures, gate=0.5)
    image = picture(90, 121, 1)
    expected, margins = labels_and_margins(out / "model.onnx", image)
    np.testing.assert_array_equal(Predictor(out / "model.onnx")(image).labels, expected)
    with served(str(out / "serve.py"), "0") as address:
        page = open_page(address)
        computed(page, file("street.png", image), "street.png")
        labels, _ = downloaded(page)
        alone = page.evaluate(COMPUTED, [image.ravel().tolist(), *labels.shape])
    np.testing.assert_array_equal(labels.ravel(), alone)
    clear = margins > 0.2 * margins.mean()
    assert clear.mean() > 0.8
    np.testing.assert_array_equal(labels[clear], expected[clear])
    assert len(np.unique(labels)) > 2


def test_transparent_and_turned_pictures_are_seen_as_the_predictor_sees_them(exported, open_page, addresses, tmp_path):
    page = open_page(addresses["one thread"])
    colors, alpha = picture(40, 70, 3), np.full((40, 70, 1), 255, np.uint8)
    alpha[:20, :35] = 0
    turned = tmp_path / "turned.png"
    exif = Image.Exif()
    exif[274] = 6
    Image.fromarray(np.concatenate([colors, alpha], axis=2)).save(turned, exif=exif)
    expected = Predictor(exported.weights)(turned)
    computed(page, turned, "turned.png")
    np.testing.assert_array_equal(downloaded(page)[0], expected.labels)
    assert expected.labels.shape == (70, 40)


def test_views_keys_and_sizes(open_page, addresses):
    page = open_page(addresses["one thread"])
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()
    computed(page, file("wide.png", picture(300, 1300, 4)), "wide.png")
    expect(page.locator("#size")).to_have_text("1025 × 237")
    page.locator("#side").select_option("513")
    expect(page.locator("#size")).to_have_text("513 × 118", timeout=SEEN)
    for key, view in (("1", "picture"), ("3", "map"), ("2", "overlay"), (" ", "picture"), (" ", "overlay")):
        page.locator("#frame").press(key)
        expect(page.locator("[name=view]:checked")).to_have_value(view)
    page.locator("#frame").press("c")
    expect(page.locator("#divider")).to_be_visible()
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()


def test_a_damaged_picture_has_a_state_from_which_another_can_be_chosen(open_page, addresses):
    page = open_page(addresses["one thread"], viewport={"width": 390, "height": 844}, color_scheme="dark")
    damaged = {"name": "notes.png", "mimeType": "image/png", "buffer": b"\x89PNG\r\n\x1a\nnothing"}
    page.locator("#files").set_input_files([damaged])
    expect(page.locator("#problem h2")).to_have_text("notes.png cannot be read", timeout=SEEN)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()
    with page.expect_file_chooser():
        page.locator("#problem button").click()
    computed(page, file("good.png", picture(33, 40, 5)), "good.png")
    expect(page.locator("#problem")).to_be_hidden()


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda path: path.write_bytes(path.read_bytes()[:-1] + b"?"), "model.onnx is not the file that was exported"),
        (
            lambda path: path.write_bytes(b"version https://git-lfs"),
            "model.onnx is shorter than the file that was exported",
        ),
        (lambda path: path.unlink(), "the server answers 404 to model.onnx"),
    ],
    ids=["altered", "a pointer", "missing"],
)
def test_a_model_that_is_not_the_exported_one_is_not_computed(web_folder, open_page, tmp_path, damage, said):
    copy = shutil.copytree(web_folder, tmp_path / "page")
    damage(copy / "model.onnx")
    with served(str(copy / "serve.py"), "0") as address:
        page = open_page(address)
        expect(page.locator("#problem h2")).to_have_text("The model cannot be loaded", timeout=SEEN)
        expect(page.locator("#problem p")).to_contain_text(said)
