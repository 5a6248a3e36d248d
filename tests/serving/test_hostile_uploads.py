"""Whatever is uploaded, the answer is a line about it, and the next picture is predicted as ever."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image
from tiny_service import LIMITS, encoded_as, picture, served

from atrous.inference.predictor import Predictor
from atrous.serving.app import build_app
from fakes.mutated import mutated

IMAGE = picture()
GOOD = encoded_as(IMAGE)
DOCUMENTED = {200, 413, 415, 422}


def post(client, content, **settings):
    return client.post("/v1/segment", params={"output": "labels"}, content=content, **settings)


def good_labels(client):
    response = post(client, GOOD)
    assert response.status_code == 200, response.text
    return np.array(Image.open(io.BytesIO(response.content)))


@pytest.fixture(autouse=True)
def _alive_afterwards(client, service, archives):
    """A good picture is predicted as before, and no decoder died unless the test says so."""
    restarts = service.metrics.value("atrous_decoder_restarts_total")
    yield
    assert np.array_equal(good_labels(client), Predictor(archives[0])(IMAGE).labels)
    assert service.metrics.value("atrous_decoder_restarts_total") <= restarts + 2
    assert service.memory.held == 0
    assert service.open_requests == 0


def test_two_hundred_mutated_pictures_are_refused_or_predicted(client, service):
    rng = np.random.default_rng(0)
    forms = ("PNG", "JPEG", "WEBP", "TIFF", "BMP", "GIF", "AVIF")
    contents = [encoded_as(picture(24, 24, seed=seed), form) for seed, form in enumerate(forms)]
    restarts = service.metrics.value("atrous_decoder_restarts_total")
    found = [post(client, mutated(rng, contents)) for _ in range(200)]
    assert {response.status_code for response in found} <= DOCUMENTED
    assert {200, 415, 422} <= {response.status_code for response in found}
    for response in found:
        if response.status_code != 200:
            assert {*response.json()} == {"code", "message"}
            assert "\n" not in response.json()["message"]
            assert "/proc" not in response.json()["message"]
    assert service.metrics.value("atrous_decoder_restarts_total") == restarts


def png(width, height, rows):
    def chunk(name, content):
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def test_bombs_are_refused_by_their_header(client):
    bombs = {
        "a huge PNG": png(50_000, 50_000, bytes(1000)),
        "a wide PNG": png(2**31 - 1, 1, bytes(1000)),
        "pixels over the limit": png(301, 300, bytes(301 * 300 + 300)),
        "a huge GIF": encoded_as(picture(8, 8), "GIF")[:6] + struct.pack("<HH", 65535, 65535) + bytes(200),
        "a huge BMP": b"BM" + bytes(12) + struct.pack("<IiiHHIIiiII", 40, 2**30, 2**30, 1, 24, 0, 0, 0, 0, 0, 0),
    }
    for name, content in bombs.items():
        response = post(client, content)
        assert response.status_code in (413, 422), name
    assert post(client, bombs["a huge PNG"]).json()["code"] == "too_many_pixels"
    assert post(client, bombs["pixels over the limit"]).status_code == 413
    many_rows = png(16, 16, bytes(30_000_000))  # more packed pixels than the header states
    assert post(client, many_rows).status_code in (200, 422)


@pytest.mark.parametrize(
    "content",
    [b"%!PS-Adobe-3.0 EPSF-3.0", b"<svg xmlns='http://www.w3.org/2000/svg'/>", b"GIF", b"PK\x03\x04", b"\x80\x04.",
     b"\x93NUMPY\x01\x00", b"%PDF-1.7", b"8BPS\x00\x01"],
)  # fmt: skip
def test_formats_outside_the_list_are_named(client, content):
    response = post(client, content)
    assert response.status_code == 415
    assert "PNG, JPEG" in response.json()["message"]


def test_bodies_are_limited_while_they_arrive(client):
    assert post(client, bytes(LIMITS.max_bytes + 1)).status_code == 413
    chunks = (b"\x89PNG\r\n\x1a\n" + bytes(50_000) for _ in range(8))
    response = post(client, chunks)  # without a stated length
    assert response.status_code == 413
    assert response.json()["code"] == "too_many_bytes"
    assert post(client, b"").json()["code"] == "empty_upload"


def test_forms_that_are_damaged_lack_the_picture_or_name_an_address(client):
    boundary = {"content-type": "multipart/form-data; boundary=x"}
    part = b'--x\r\nContent-Disposition: form-data; name="image"; filename="a"\r\n\r\n' + GOOD + b"\r\n"
    text = b'--x\r\nContent-Disposition: form-data; name="image"\r\n\r\nhttp://127.0.0.1/secret.png\r\n--x--\r\n'
    for body in (b"", b"--y--", part, part + part + b"--x--\r\n", text, b"--x\r\n" + b"A: b\r\n" * 500, b"\0" * 100):
        response = post(client, body, headers=boundary)
        assert response.status_code == 422, body[:80]
        assert response.json()["code"] == "damaged_form"
    many = b"".join(b'--x\r\nContent-Disposition: form-data; name="f%d"\r\n\r\n1\r\n' % number for number in range(30))
    assert post(client, many + b"--x--\r\n", headers=boundary).status_code == 422
    assert post(client, part + b"--x--\r\n", headers=boundary).status_code == 200
    assert post(client, GOOD, headers={"content-type": "multipart/form-data"}).status_code == 422
    for kind in ("application/json", "application/x-www-form-urlencoded", "text/uri-list"):
        assert post(client, b'{"image": "file:///etc/passwd"}', headers={"content-type": kind}).status_code == 415


@pytest.mark.parametrize(
    ("parameters", "status"),
    [
        ({"output": "masks"}, 422), ({"output_stride": "7"}, 422), ({"output_stride": "-8"}, 422),
        ({"scales": "nan"}, 422), ({"scales": "0.1"}, 422), ({"scales": "1e309"}, 422), ({"scales": ""}, 422),
        ({"scales": ",".join(["1"] * 9)}, 422), ({"flip": "perhaps"}, 422), ({"opacity": "2"}, 422),
        ({"tolerance": "-1"}, 422), ({"url": "http://localhost/"}, 422), ({"model": "../../etc/passwd"}, 404),
        ({"output": ["json", "labels"]}, 422),
    ],
)  # fmt: skip
def test_impossible_parameters_are_one_line(client, parameters, status):
    response = client.post("/v1/segment", params=parameters, content=GOOD)
    assert response.status_code == status, response.text
    assert "\n" not in response.json()["message"]


def test_a_parameter_in_two_places_is_refused(client):
    response = client.post("/v1/segment?flip=1", files={"image": GOOD}, data={"flip": "0"})
    assert response.json()["message"] == "flip is in the address and in the form; give it once"


def test_scales_count_as_pixels(client):
    response = client.post("/v1/segment?scales=2", content=encoded_as(picture(200, 200)))
    assert response.status_code == 413
    assert "160000 pixels" in response.json()["message"]


def test_every_answer_has_the_security_headers_and_no_other_site_may_use_it(client):
    for path in ("/", "/page.js", "/viewer.js", "/healthz", "/nothing", "/v1/model", "/openapi.json"):
        headers = client.get(path).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["content-security-policy"].startswith("default-src 'self';")
        assert "access-control-allow-origin" not in client.get(path, headers={"origin": "http://evil"}).headers
    assert post(client, GOOD, headers={"sec-fetch-site": "cross-site"}).status_code == 403
    assert post(client, GOOD, headers={"sec-fetch-site": "same-origin"}).status_code == 200
    for path in ("/../pyproject.toml", "/%2e%2e/models.py", "/page/page.js", "/..%2fapp.py"):
        assert client.get(path).status_code == 404
    assert client.get("/v1/segment").status_code == 405


def test_the_token_opens_all_but_the_page_and_the_health(service):
    from starlette.testclient import TestClient

    with TestClient(build_app(service, token="0123456789abcdef")) as client:
        for path in ("/", "/stage.css", "/healthz", "/readyz"):
            assert client.get(path).status_code == 200
        values = ("Bearer 0123456789abcdeF", "Basic 0123456789abcdef", "Bearer", "Bearer \xff".encode("latin-1"))
        for given in ({}, *({"authorization": value} for value in values)):
            answers = [client.get(path, headers=given) for path in ("/v1/model", "/metrics", "/openapi.json")]
            for response in (*answers, post(client, GOOD, headers=given)):
                assert response.status_code == 401
                assert response.headers["www-authenticate"] == "Bearer"
        right = {"authorization": "bearer 0123456789abcdef"}
        assert client.get("/v1/model", headers=right).status_code == 200
        assert post(client, GOOD, headers=right).status_code == 200


def test_the_description_names_every_parameter_and_has_an_example(client):
    document = client.get("/openapi.json").json()
    operation = document["paths"]["/v1/segment"]["post"]
    names = {parameter["name"] for parameter in operation["parameters"]}
    form = operation["requestBody"]["content"]["multipart/form-data"]["schema"]["properties"]
    assert names == {*form} - {"image"}
    assert {"model", "output", "output_stride", "scales", "flip"} <= names
    example = operation["responses"]["200"]["content"]["application/json"]["example"]
    answer = client.post("/v1/segment", content=GOOD).json()
    assert {*example} == {*answer}


def test_a_server_on_a_socket_answers_a_body_it_does_not_read(service):
    """An early refusal reaches a client that is still sending."""
    import httpx

    with served(build_app(service)) as address:
        response = httpx.post(f"{address}/v1/segment", content=bytes(20 * LIMITS.max_bytes))
        assert response.status_code == 413
