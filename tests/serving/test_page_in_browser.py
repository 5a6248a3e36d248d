"""The page in a browser: every control does what it says, no request goes elsewhere, nothing fails unseen."""

import io
import re

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from PIL import Image
from playwright.sync_api import expect
from tiny_service import LIMITS, SPACE, encoded_as, picture, served

from atrous.inference.predictor import Predictor
from atrous.report.overlay_colors import bright_space
from atrous.serving.app import build_app

IMAGE = picture(120, 160, seed=3)
FILES = [{"name": "first.png", "mimeType": "image/png", "buffer": encoded_as(IMAGE)}]
SECOND = {"name": "second.png", "mimeType": "image/png", "buffer": encoded_as(picture(90, 60, seed=4))}
DAMAGED = {"name": "notes.png", "mimeType": "image/png", "buffer": b"\x89PNG\r\n\x1a\nnothing"}
COLORS = np.array(bright_space(SPACE).palette)
expect.set_options(timeout=30_000)  # a machine may be busy
PHONE = {"viewport": {"width": 390, "height": 844}, "is_mobile": True, "has_touch": True}


@pytest.fixture(scope="module")
def expected(archives):
    return Predictor(archives[0])(IMAGE, probabilities=True)


@pytest.fixture
def open_page(browser, address):
    """Opens pages; at the end nothing was said on their consoles and no other host was asked."""
    complaints, contexts = [], []

    def opened(hash_="", *, at=address, **settings):
        context = browser.new_context(**{"viewport": {"width": 1280, "height": 800}, **settings})
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(20_000)
        failed = "Failed to load resource"  # the browser's own line about a status of 400 or more
        page.on("console", lambda line: None if failed in line.text else complaints.append(line.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda request: complaints.append(request.url) if foreign(request.url, at) else None)
        page.goto(f"{at}/{hash_}")
        return page

    yield opened
    for context in contexts:
        context.close()
    assert complaints == []


def foreign(url, address):
    return not url.startswith((address, "data:", "blob:"))


def predicted(page, files=FILES):
    page.locator("#files").set_input_files(files)
    expect(page.locator("#strip .done, #strip .failed")).to_have_count(len(files))
    return page


def on_screen(page, column, row):
    """Place of a pixel of the picture in the window, at scale 1."""
    box = page.locator("#canvas").bounding_box()
    scale = min(box["width"] / 160, box["height"] / 120)
    left, top = (box["width"] - 160 * scale) / 2, (box["height"] - 120 * scale) / 2
    return box["x"] + left + (column + 0.5) * scale, box["y"] + top + (row + 0.5) * scale


def color_at(page, column, row):
    x, y = on_screen(page, column, row)
    shot = Image.open(io.BytesIO(page.screenshot()))
    return np.array(shot.convert("RGB"))[int(y), int(x)].astype(int)


def inner_pixels(labels, label):
    """(row, column) of pixels whose neighbours are all of their class, away from the controls on the picture."""
    same = np.pad(labels == label, 1)
    core = same[1:-1, 1:-1] & same[:-2, 1:-1] & same[2:, 1:-1] & same[1:-1, :-2] & same[1:-1, 2:]
    core[:25] = core[105:] = False
    return np.argwhere(core)


def inner_pixel(labels, label):
    found = inner_pixels(labels, label)
    row, column = found[len(found) // 2]
    return int(column), int(row)


def two_classes(labels):
    counts = [len(inner_pixels(labels, label)) for label in range(len(SPACE))]
    return np.argsort(counts)[:-3:-1].tolist()


def test_views_show_the_labels_of_the_predictor(open_page, expected):
    page = predicted(open_page())
    for label in two_classes(expected.labels):
        column, row = inner_pixel(expected.labels, label)
        page.locator("[name=view][value=map]").check(force=True)
        assert np.abs(color_at(page, column, row) - COLORS[label]).max() <= 1
        page.locator("[name=view][value=picture]").check(force=True)
        bare = color_at(page, column, row)
        page.locator("#opacity").fill("40")
        assert np.abs(color_at(page, column, row) - (0.6 * bare + 0.4 * COLORS[label])).max() <= 3
    shares = [f"{100 * share:.1f} %" for share in expected.shares().values()]
    assert page.locator("#legend .share").all_inner_texts() == shares
    assert page.locator("#legend .name").all_inner_texts() == list(expected.shares())
    assert "first.png" in page.locator("#status").inner_text()


def test_pointing_tells_the_two_best_classes_and_a_click_isolates_one(open_page, expected):
    page = predicted(open_page())
    first, second = two_classes(expected.labels)
    column, row = inner_pixel(expected.labels, first)
    order = np.argsort(-expected.probabilities[:, row, column])
    x, y = on_screen(page, column, row)
    page.mouse.move(x, y)
    expect(page.locator("#pointed span")).to_have_count(0)
    texts = [f"{SPACE.names[one]} {100 * expected.probabilities[one, row, column]:.0f}" for one in order[:2]]

    def told():
        page.mouse.move(x, y + 1)
        page.mouse.move(x, y)
        return " ".join(page.locator("#pointed").inner_text().split())

    for _ in range(100):
        if "%" in told():
            break
        page.wait_for_timeout(50)
    numbers = [int(number) for number in re.findall(r"(\d+) %", told())]
    assert [abs(number - int(text.rpartition(" ")[2])) <= 1 for number, text in zip(numbers, texts, strict=True)]
    assert told().startswith(SPACE.names[first])
    page.locator("[name=view][value=map]").check(force=True)
    page.locator(f"#legend [data-label='{second}']").click()
    assert np.abs(color_at(page, *inner_pixel(expected.labels, second)) - COLORS[second]).max() <= 1
    assert np.abs(color_at(page, column, row) - COLORS[first]).max() > 5
    expect(page.locator("#legend [aria-pressed=true]")).to_have_count(1)
    page.locator("#all-classes").click()
    assert np.abs(color_at(page, column, row) - COLORS[first]).max() <= 1


def test_a_touch_tells_the_classes_of_a_pixel_and_its_answer_stays(open_page, expected):
    page = predicted(open_page(**PHONE))
    column, row = inner_pixel(expected.labels, two_classes(expected.labels)[0])
    for _ in range(100):  # probabilities come after the labels
        page.touchscreen.tap(*on_screen(page, column, row))
        if "%" in page.locator("#pointed").inner_text():
            break
        page.wait_for_timeout(50)
    best = int(expected.probabilities[:, row, column].argmax())
    assert page.locator("#pointed").inner_text().split("%")[0].strip().startswith(SPACE.names[best])


def test_entropy_is_brighter_where_classes_compete(open_page, expected):
    page = predicted(open_page("#view=entropy"))
    values = expected.probabilities.astype(np.float64)
    entropy = -(values * np.log(np.maximum(values, 1e-30))).sum(axis=0)[30:100]
    places = [np.unravel_index(np.argmin(entropy), entropy.shape), np.unravel_index(np.argmax(entropy), entropy.shape)]
    page.wait_for_timeout(300)
    low, high = (color_at(page, int(column), int(row) + 30).sum() for row, column in places)
    assert high > low + 50


def test_two_models_are_compared_by_a_border_and_by_their_difference(open_page, archives, expected):
    page = predicted(open_page())
    other = Predictor(archives[1])(IMAGE).labels
    page.locator("#compare").select_option("picture")
    expect(page.locator("#left-name")).to_have_text("picture")
    column, row = inner_pixel(expected.labels, two_classes(expected.labels)[0])
    labelled = color_at(page, column, row) if column > 82 else None
    page.locator("#divider").focus()
    page.keyboard.press("End")
    assert page.locator("#divider").get_attribute("aria-valuenow") == "100"
    bare = color_at(page, column, row)
    page.keyboard.press("Home")
    covered = color_at(page, column, row)
    assert np.abs(bare - covered).max() > 20
    assert labelled is None or np.abs(labelled - covered).max() <= 2
    page.locator("#compare").select_option("model:b")
    expect(page.locator("#runs tbody tr")).to_have_count(2)
    share = (other != expected.labels).mean()
    expect(page.locator("#runs tbody tr").nth(1).locator("td").nth(2)).to_have_text(f"{100 * share:.2f} %")
    page.locator("[name=view][value=difference]").check(force=True)
    differing = np.argwhere((other != expected.labels)[40:90, 20:140])[0] + (40, 20)
    assert color_at(page, int(differing[1]), int(differing[0])).tolist() == [255, 40, 110]


def test_settings_are_asked_for_and_shown_with_time_and_difference(open_page, archives, expected):
    page = predicted(open_page())
    page.locator("#stride").select_option("8")
    page.locator("#flip").check()
    page.locator("#scales").select_option("0.75,1,1.25")
    finer = Predictor(archives[0], output_stride=8, scales=(0.75, 1.0, 1.25), flip=True)(IMAGE)
    row = page.locator("#runs tr", has_text="stride 8, scales 0.75 1 1.25, mirrored")
    expect(row).to_have_count(1)
    expect(row.locator("[aria-current]")).to_have_count(1)
    assert re.fullmatch(r"[\d.]+ m?s", row.locator("td").nth(1).inner_text())
    first = page.locator("#runs tbody tr").first
    share = (finer.labels != expected.labels).mean()
    expect(first.locator("td").nth(2)).to_have_text(f"{100 * share:.2f} %")
    assert "output_stride=8" in page.locator("#curl").inner_text()
    assert "-F flip=true -F output=labels" in page.locator("#curl").inner_text()
    first.locator("button").click()
    expect(page.locator("#stride")).to_have_value("")


def test_a_link_leads_back_to_the_settings(open_page):
    page = open_page("#model=b&output_stride=8&scales=0.5,1&flip=true&view=map&opacity=30")
    expect(page.locator("#model")).to_have_value("b")
    values = {name: page.locator(f"#{name}").input_value() for name in ("stride", "scales", "opacity")}
    assert values == {"stride": "8", "scales": "0.5,1", "opacity": "30"}
    assert page.locator("#flip").is_checked()
    assert page.locator("[name=view][value=map]").is_checked()
    page.locator("#model").select_option("a")
    assert "#model=a&output_stride=8&scales=0.5%2C1&flip=true&view=map&opacity=30" in page.url


def test_downloads_are_the_answers_of_the_service(open_page, expected):
    page = predicted(open_page())
    found = {}
    for output in ("labels", "overlay", "polygons", "coco_rle"):
        with page.expect_download() as download:
            page.locator(f"[data-download={output}]").click()
        found[download.value.suggested_filename] = download.value.path().read_bytes()
    assert [*found] == ["first.png", "first_overlay.png", "first_polygons.json", "first_coco.json"]
    assert np.array_equal(np.array(Image.open(io.BytesIO(found["first.png"]))), expected.labels)
    overlay = np.array(Image.open(io.BytesIO(found["first_overlay.png"])))
    assert np.array_equal(overlay, np.array(expected.overlay(opacity=0.6)))
    assert b'"outline"' in found["first_polygons.json"]
    assert b'"counts"' in found["first_coco.json"]


def test_pictures_are_dropped_pasted_and_taken_and_twenty_fit(open_page):
    page = open_page()
    page.evaluate(
        """async () => {
          const canvas = Object.assign(document.createElement("canvas"), { width: 40, height: 30 });
          const draw = () => canvas.getContext("2d").fillRect(0, 0, 20, 30);
          draw();
          setInterval(draw, 50); // a stream has a frame for every change
          const content = await new Promise((resolve) => canvas.toBlob(resolve, "image/png"));
          const holding = (name) => {
            const held = new DataTransfer();
            held.items.add(new File([content], name, { type: "image/png" }));
            return held;
          };
          document.dispatchEvent(new DragEvent("drop", { dataTransfer: holding("dropped.png") }));
          document.dispatchEvent(new ClipboardEvent("paste", { clipboardData: holding("pasted.png") }));
          navigator.mediaDevices.getUserMedia = async () => canvas.captureStream(5);
        }"""
    )
    expect(page.locator("#strip .done")).to_have_count(2)
    page.locator(".adds [data-action=camera]").click()
    page.locator("dialog [value=take]").click()
    expect(page.locator("#strip .done")).to_have_count(3)
    names = [button.get_attribute("title") for button in page.locator("#strip li > button:first-child").all()]
    assert names == ["dropped.png", "pasted.png", "camera.jpg"]
    page.locator("#strip .remove").first.click(force=True)
    tiny = {"name": "tiny.png", "mimeType": "image/png", "buffer": encoded_as(picture(9, 9))}
    page.locator("#files").set_input_files([tiny] * 19)
    expect(page.locator("#strip li")).to_have_count(20)
    expect(page.locator("#toast")).to_have_text("20 pictures at a time; 1 were left out.")


def test_keys_choose_pictures_views_and_zoom(open_page):
    page = predicted(open_page(), [*FILES, SECOND])
    page.locator("#frame").focus()
    assert page.locator("[aria-current][title]").get_attribute("title") == "first.png"
    page.keyboard.press("ArrowRight")
    expect(page.locator("[aria-current][title]")).to_have_attribute("title", "second.png")
    for key, view in (("3", "map"), ("1", "picture"), (" ", "overlay"), (" ", "picture")):
        page.keyboard.press(key)
        assert page.locator(f"[name=view][value={view}]").is_checked()
    page.keyboard.press("+")
    expect(page.locator("#zoom")).to_have_text("150 %")
    page.locator("#larger").click()
    expect(page.locator("#zoom")).to_have_text("225 %")
    page.keyboard.press("0")
    expect(page.locator("#zoom")).to_have_text("100 %")
    page.keyboard.press("c")
    expect(page.locator("#divider")).to_be_visible()


@pytest.mark.parametrize("settings", [{"color_scheme": "light"}, {"color_scheme": "dark", **PHONE}])
def test_nothing_is_serious_for_people_who_cannot_see_or_point(open_page, settings):
    page = open_page(**settings)
    expect(page.locator("#limits")).not_to_be_empty()
    assert serious(page) == []
    predicted(page, [*FILES, DAMAGED])
    page.locator("#compare").select_option("picture")
    assert serious(page) == []
    page.locator("#strip button").nth(2).click()
    expect(page.locator("#problem")).to_be_visible()
    assert serious(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= settings.get("viewport", {"width": 1280})["width"]


def serious(page):
    found = Axe().run(page).response["violations"]
    return [(one["id"], one["nodes"][0]["html"]) for one in found if one["impact"] in ("serious", "critical")]


def test_a_bad_picture_and_a_large_one_say_why_and_leave_the_others(open_page):
    rng = np.random.default_rng(0)
    large = {
        "name": "large.bmp",
        "mimeType": "image/bmp",
        "buffer": encoded_as(rng.integers(0, 256, (300, 299, 3), np.uint8), "BMP"),
    }
    page = predicted(open_page(), [DAMAGED, large, *FILES])
    expect(page.locator("#problem h2")).to_have_text("notes.png cannot be read")
    page.locator("#strip button").nth(2).click()
    expect(page.locator("#problem h2")).to_have_text("large.bmp is too large")
    assert str(LIMITS.max_bytes) in page.locator("#problem p").inner_text()
    page.locator("#problem button", has_text="Remove it").click()
    expect(page.locator("#strip li")).to_have_count(2)
    page.locator("#strip button").nth(2).click()
    expect(page.locator("#problem")).to_be_hidden()


def test_a_picture_of_too_many_pixels_names_its_size_and_the_limit(open_page):
    flat = np.zeros((300, 400, 3), np.uint8)
    wide = {"name": "wide.png", "mimeType": "image/png", "buffer": encoded_as(flat)}
    page = predicted(open_page(), [wide])
    expect(page.locator("#problem h2")).to_have_text("wide.png is too large")
    told = page.locator("#problem p").inner_text()
    assert "400" in told
    assert "300" in told
    assert f"{LIMITS.max_pixels}" in told.replace(",", "")


def test_of_large_pictures_only_the_one_that_is_shown_stays_decoded(open_page):
    """Twenty of 64 million pixels would take 5 GiB."""
    found = open_page().evaluate(
        """async () => {
            const { Picture } = await import("./pictures.js");
            const drawn = (side) => new Promise((done) => {
                const canvas = Object.assign(document.createElement("canvas"), { width: side, height: side });
                canvas.getContext("2d").fillRect(0, 0, side, side);
                canvas.toBlob((blob) => done(new File([blob], "drawn.png")));
            });
            const small = new Picture(await drawn(2048), "small");
            const large = new Picture(await drawn(2049), "large");
            await small.open();
            await large.open();
            const states = [Boolean(large.source)];
            const decoded = large.source;
            let told = 0;
            small.look(false);
            large.look(false);
            states.push(Boolean(small.source), Boolean(large.source), decoded.width);
            await large.look(true, () => told++);
            states.push(large.source.width, told);
            const late = large.look(false, () => told++) ?? null;
            const again = large.look(true, () => told++); // decodes ...
            large.look(false, () => told++); // ... for nobody
            await Promise.all([late, again]);
            states.push(large.source, told, large.width, large.thumbnail.slice(0, 10));
            return states;
        }"""
    )
    assert found == [True, True, False, 0, 2049, 1, None, 1, 2049, "data:image"]


def test_of_the_labels_of_a_large_picture_only_what_is_seen_is_painted(open_page):
    """As many tiles as the window shows, each of the resolution that the window has."""
    painted = open_page().evaluate(
        """async () => {
            const { Layer } = await import("./layers.js");
            const parts = [];
            const layer = new Layer(8192, 8192, (pixels, ...part) => parts.push([...part, pixels.length]));
            const canvas = Object.assign(document.createElement("canvas"), { width: 900, height: 600 });
            const context = canvas.getContext("2d");
            layer.draw(context, { scale: 600 / 8192, x: 150, y: 0 });
            const whole = parts.splice(0);
            layer.draw(context, { scale: 4, x: -4 * 5000, y: -4 * 2000 });
            const near = parts.splice(0);
            layer.draw(context, { scale: 4, x: -4 * 5010, y: -4 * 2010 });
            return { whole, near, moved: parts };
        }"""
    )
    side, step = 1024, 8
    assert painted["whole"] == [[0, 0, side, side, step, side * side]]
    assert sorted(part[:2] for part in painted["near"]) == [[4096, 1024], [4096, 2048], [5120, 1024], [5120, 2048]]
    assert painted["moved"] == []


def test_a_busy_server_is_asked_again_and_a_silent_one_when_asked_to(open_page):
    page = open_page()
    answers = iter(["busy", "gone"])

    def answer(route):
        match next(answers, None):
            case "busy":
                body = '{"code": "busy", "message": "64 images wait"}'
                route.fulfill(status=503, headers={"retry-after": "1"}, content_type="application/json", body=body)
            case "gone":
                route.abort()
            case None:
                route.continue_()

    page.route("**/v1/segment", answer)
    page.locator("#files").set_input_files(FILES)
    expect(page.locator("#problem h2")).to_have_text("The server has its hands full")
    expect(page.locator("#problem h2")).to_have_text("No answer from the server")
    page.locator("#problem button", has_text="Try again").click()
    expect(page.locator("#strip .done")).to_have_count(1)


def test_a_token_is_asked_for_and_kept_until_the_tab_is_closed(open_page, service):
    with served(build_app(service, token="0123456789abcdef")) as address:
        page = open_page(at=address)
        expect(page.locator("#problem h2")).to_have_text("This server asks for a token")
        page.locator("[name=token]").fill("0123456789abcdef")
        page.keyboard.press("Enter")
        predicted(page)
        assert "Authorization: Bearer TOKEN" in page.locator("#curl").inner_text()
        page.reload()
        expect(page.locator("#empty")).to_be_visible()
        page.goto("about:blank")
