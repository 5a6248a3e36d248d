"""The requests that Label Studio documents for machine-learning backends, and what it makes of the answers."""

import base64
import json
import threading
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image, ImageDraw
from starlette.testclient import TestClient
from tiny_service import SPACE, encoded_as, picture

from atrous.data.annotations.bitmaps import decode_brush
from atrous.errors import InputError
from atrous.inference.predictor import Predictor
from atrous.serving.app import build_app
from atrous.serving.label_studio import controls, encode_brush
from atrous.serving.label_studio_pictures import PictureSource
from atrous.serving.request_error import RequestError

IMAGE = picture()
CONFIG = """
<View>
  <Image name="photo" value="$image" zoom="true"/>
  <BrushLabels name="brush" toName="photo"><Label value="Tower" background="red"/><Label value="water"/></BrushLabels>
  <PolygonLabels name="outline" toName="photo">
    <!-- names may be of other case --><Label value="tree"/><Label value="GROUND"/><Label value="unknown"/>
  </PolygonLabels>
</View>
"""


PERSONAL = "head.body.signature"


class Pictures(BaseHTTPRequestHandler):
    """A Label Studio that holds one picture, lends tokens and forgets them, and leads astray."""

    lent = 0
    valid = "Bearer of nothing"
    answer: str | None = None
    moved = False

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        if self.moved or self.answer is not None:
            self.send_response(307 if self.moved else 200)
            self.send_header("location", "http://169.254.169.254/")
            self.end_headers()
            self.wfile.write((self.answer or "").encode())
            return
        right = self.path == "/api/token/refresh" and body == {"refresh": PERSONAL}
        if right:
            Pictures.lent += 1
            Pictures.valid = f"Bearer lent{self.lent}"
        self.send_response(200 if right else 401)
        self.end_headers()
        self.wfile.write(json.dumps({"access": f"lent{self.lent}"}).encode() if right else b"{}")

    def do_GET(self):
        if self.path == "/cut":
            self.send_response(200)
            self.send_header("content-length", "1000")
            self.end_headers()
            self.wfile.write(b"short")
            return
        known = self.headers["authorization"] in ("Token key", self.valid)
        if self.path.startswith("/data/upload/1/") and not known:
            self.send_error(401, "Unauthorized")
            return
        found = self.path.startswith("/data/upload/1/")
        self.send_response(200 if found else 302 if self.path == "/away" else 404)
        self.send_header("location", "http://169.254.169.254/")
        self.end_headers()
        if found:
            self.wfile.write(encoded_as(IMAGE))

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def studio():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Pictures)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="module")
def backend(service, studio):
    source = PictureSource(studio, key="key", max_bytes=100_000, seconds=5.0)
    with TestClient(build_app(service, label_studio=source)) as client:
        yield client


def predict(backend, *addresses, config=CONFIG):
    tasks = [{"id": number, "data": {"image": address}} for number, address in enumerate(addresses)]
    body = {"tasks": tasks, "project": "1.1700000000", "label_config": config, "params": {"context": None}}
    response = backend.post("/predict", json=body)
    assert response.status_code == 200, response.text
    return response.json()["results"]


def test_health_and_setup_answer_as_documented(backend):
    assert backend.get("/health").json() == {"status": "UP", "model_class": "atrous"}
    setup = {"project": "1.1700000000", "schema": CONFIG, "hostname": "http://localhost:8080", "access_token": "x"}
    version = backend.post("/setup", json=setup).json()["model_version"]
    assert version == f"a-{1:064x}"[:14]
    assert backend.post("/webhook", json={"action": "ANNOTATION_CREATED"}).status_code == 200
    assert backend.post("/setup", json={"schema": "<View/>"}).status_code == 422


def test_brush_strokes_and_polygons_are_the_regions_of_the_predictor(backend, archives):
    expected = Predictor(archives[0])(IMAGE, probabilities=True)
    (result,) = predict(backend, "/data/upload/1/a%20b.png")
    assert result["score"] == pytest.approx(expected.probabilities.max(axis=0).mean(), abs=1e-6)
    brushes = [entry for entry in result["result"] if entry["type"] == "brushlabels"]
    assert {entry["value"]["brushlabels"][0] for entry in brushes} == {"Tower", "water"}
    for entry in brushes:
        assert (entry["from_name"], entry["to_name"], entry["image_rotation"]) == ("brush", "photo", 0)
        assert (entry["original_width"], entry["original_height"]) == (56, 40)
        label = SPACE.names.index(entry["value"]["brushlabels"][0].lower())
        painted = decode_brush(bytes(entry["value"]["rle"]), size=(40, 56))
        assert np.array_equal(painted, expected.labels == label)
    polygons = [entry for entry in result["result"] if entry["type"] == "polygonlabels"]
    assert {entry["value"]["polygonlabels"][0] for entry in polygons} <= {"tree", "GROUND"}
    found = Image.new("L", (560, 400))
    for entry in polygons:
        assert entry["value"]["closed"]
        points = np.array(entry["value"]["points"])
        assert points.min() >= 0
        assert points.max() <= 100
        if entry["value"]["polygonlabels"] == ["GROUND"]:
            ImageDraw.Draw(found).polygon([tuple(point) for point in points * (5.6, 4.0)], fill=1)
    ground = np.kron(expected.labels == 0, np.ones((10, 10), bool))
    drawn = np.array(found) > 0
    assert (drawn & ground).sum() / (drawn | ground).sum() > 0.85


def test_pictures_are_read_from_this_label_studio_alone(backend, studio):
    data = "data:image/png;base64," + base64.b64encode(encoded_as(IMAGE)).decode()
    foreign = ["http://169.254.169.254/latest", "file:///etc/passwd", "/away", "//evil/x.png", "s3://bucket/x.png",
               "/missing.png", "", f"{studio}0/data/upload/1/a.png", "http://[", "data:image/png,x"]  # fmt: skip
    good = ["/data/upload/1/x.png", f"{studio}/data/upload/1/x.png", data]
    results = predict(backend, *foreign, *good)
    for address, result in zip(foreign, results, strict=False):
        assert result["result"] == [], address
        assert result["error"], address
    answers = [result["result"] for result in results[len(foreign) :]]
    assert answers[0] == answers[1] == answers[2] != []


def test_personal_tokens_are_exchanged_and_renewed(studio):
    """As Label Studio 1.23 wants it, which refuses legacy tokens: what is lent runs out after some minutes."""
    source = PictureSource(studio, key=f" {PERSONAL}\n", max_bytes=100_000, seconds=5.0)
    lent = Pictures.lent
    first = source.read("/data/upload/1/x.png")
    assert source.read("/data/upload/1/y.png") == first == encoded_as(IMAGE)
    assert Pictures.lent == lent + 1
    Pictures.valid = "Bearer another"
    assert source.read("/data/upload/1/x.png") == first
    assert Pictures.lent == lent + 2


def test_threads_that_read_at_a_time_exchange_the_token_once(studio):
    source = PictureSource(studio, key=PERSONAL, max_bytes=100_000, seconds=5.0)
    lent = Pictures.lent
    for valid in (Pictures.valid, "Bearer another"):
        Pictures.valid = valid
        with ThreadPoolExecutor(8) as threads:
            contents = [*threads.map(source.read, ["/data/upload/1/x.png"] * 8)]
        assert contents == [encoded_as(IMAGE)] * 8
    assert Pictures.lent == lent + 2


@pytest.mark.parametrize("answer", ["nonsense", "[]", '{"access": 1}', '{"access": "a\\nb"}', "x" * 70_000, None])
def test_what_answers_a_token_with_nonsense_gets_a_line_and_no_second_word(studio, monkeypatch, answer):
    """None: a redirect, which could lead the token to any host."""
    monkeypatch.setattr(Pictures, "answer", answer)
    monkeypatch.setattr(Pictures, "moved", answer is None)
    source = PictureSource(studio, key=PERSONAL, max_bytes=100_000, seconds=5.0)
    with pytest.raises(RequestError, match=r"cannot read /data/upload/1/x\.png") as raised:
        source.read("/data/upload/1/x.png")
    assert "body" not in raised.value.message


def test_a_picture_whose_address_or_answer_is_no_http_costs_its_task_alone(backend):
    results = predict(backend, "/data/my picture.png", "/cut", "/data/upload/1/x.png")
    assert [bool(result["result"]) for result in results] == [False, False, True]


@pytest.mark.parametrize("key", [None, "old", "foreign.body.signature"])
def test_a_refused_token_is_told_with_the_kind_that_is_needed(studio, key):
    source = PictureSource(studio, key=key, max_bytes=100_000, seconds=5.0)
    with pytest.raises(RequestError, match=r"401: Unauthorized; set LABEL_STUDIO_API_KEY to a personal access token"):
        source.read("/data/upload/1/x.png")


@pytest.mark.parametrize(
    "config",
    ["", "<View", "<View><Image name='i' value='$i'/></View>", "<View><BrushLabels name='b' toName='none'/></View>",
     "<!DOCTYPE x [<!ENTITY a 'aaaa'>]><View>&a;</View>", "<View>" + " " * 2**20 + "</View>"],
)  # fmt: skip
def test_configurations_without_a_use_are_refused(config):
    with pytest.raises(RequestError, match="label configuration"):
        controls(config)


def test_bodies_that_are_no_requests_are_refused(backend):
    for body in (b"", b"[]", b"{", b"[" * 100_000, b'{"tasks": 1}', b'{"tasks": [1]}'):
        assert backend.post("/predict", content=body).status_code == 422
    assert backend.post("/predict", json={"tasks": [{}] * 101, "label_config": CONFIG}).status_code == 413
    with pytest.raises(InputError, match="--label-studio"):
        PictureSource("localhost:8080", key=None, max_bytes=1, seconds=1.0)


@pytest.mark.parametrize("key", ["se cret", "se\ncret", "sécret", "se\x7fcret"])
def test_a_token_that_no_header_can_carry_is_refused_without_being_shown(key):
    with pytest.raises(InputError, match="LABEL_STUDIO_API_KEY has blanks") as raised:
        PictureSource("http://localhost:8080", key=key, max_bytes=1, seconds=1.0)
    assert "cret" not in str(raised.value)


@given(arrays(bool, st.tuples(st.integers(1, 9), st.integers(1, 9))))
def test_brush_strokes_are_decoded_to_the_same_pixels(inside):
    assert np.array_equal(decode_brush(encode_brush(inside), size=inside.shape), inside)


def test_brush_strokes_of_long_runs_and_their_first_bytes():
    inside = np.zeros((300, 300), bool)
    inside[100:250, 40:] = True
    assert np.array_equal(decode_brush(encode_brush(inside), size=(300, 300)), inside)
    # 4 values, 8 - 1 bits, (3, 4, 8, 16) - 1 bits of lengths; then a run: 1, 00, 4 - 1 in 3 bits, 255.
    bits = f"{4:032b}" + "00111" + "0010001101111111" + "10001111111111"
    assert encode_brush(np.ones((1, 1), bool)) == int(bits.ljust(72, "0"), 2).to_bytes(9, "big")
