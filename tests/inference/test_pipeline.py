"""The pipeline gives what one call after the other gives, in order, whatever goes wrong with single items."""

import threading
import time

import numpy as np
import pytest
import torch

from atrous.errors import InputError
from atrous.inference import pipeline
from atrous.inference.pipeline import predict_each
from atrous.inference.predictor import Predictor
from fakes.lively_model import blocks, lively_archive

SIZES = [(33, 49), (33, 49), (18, 26), (33, 49), (18, 26), (18, 26)]
IMAGES = [np.ascontiguousarray(blocks(*size, seed=seed)[0].permute(1, 2, 0).numpy()) for seed, size in enumerate(SIZES)]


@pytest.fixture
def threads(request):
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield request.param
    torch.set_num_threads(before)


def run(predictor, items, *, read=IMAGES.__getitem__, image_of=lambda image: image):
    return list(predict_each(predictor, items, read=read, image_of=image_of))


@pytest.mark.parametrize("threads", [1, 2], indirect=True)
def test_results_are_those_of_single_calls_in_order(threads):
    predictor = Predictor(lively_archive())
    steps = run(predictor, range(6))
    assert [step.item for step in steps] == list(range(6))
    for step, image in zip(steps, IMAGES, strict=True):
        np.testing.assert_array_equal(step.result.result().labels, predictor(image).labels)
        assert step.loaded is image
    assert torch.get_num_threads() == threads


@pytest.mark.parametrize("threads", [1, 2], indirect=True)
@pytest.mark.usefixtures("threads")
def test_an_error_is_that_of_its_item():
    def read(item):
        if item == 2:
            raise InputError("two is damaged")
        return IMAGES[item]

    steps = run(Predictor(lively_archive()), range(6), read=read)
    assert [isinstance(step.loaded, InputError) for step in steps] == [False, False, True, False, False, False]
    assert str(steps[2].loaded) == "two is damaged"
    assert steps[2].result is None
    assert all(step.result.result() for number, step in enumerate(steps) if number != 2)


@pytest.mark.parametrize("threads", [2], indirect=True)
@pytest.mark.usefixtures("threads")
def test_nothing_else_is_computed_beside_what_must_be_alone(monkeypatch):
    """Large images, and items that the caller predicts: all others have ended, and torch has all of its threads."""
    monkeypatch.setattr(pipeline, "MAX_PARALLEL_PIXELS", 18 * 26)
    predictor, running, seen = Predictor(lively_archive()), [], []
    compute = predictor.predict_batch

    def watched(images, **options):
        running.append(None)
        seen.append((images[0].shape[0], len(running), torch.get_num_threads(), threading.current_thread()))
        time.sleep(0.05)
        found = compute(images, **options)
        running.pop()
        return found

    monkeypatch.setattr(predictor, "predict_batch", watched)
    steps = predict_each(
        predictor, [2, 2, 0, 4, None, 5], read=lambda item: item if item is None else IMAGES[item], image_of=lambda x: x
    )
    for step in steps:
        if step.item is None:
            assert (step.result, running, torch.get_num_threads()) == (None, [], 2)
    large = [call for call in seen if call[0] == 33]
    assert [(beside, count) for _, beside, count, _ in large] == [(1, 2)]
    assert large[0][3] is threading.main_thread()


@pytest.mark.parametrize("threads", [2], indirect=True)
@pytest.mark.usefixtures("threads")
def test_every_thread_computes_an_image_of_its_own(monkeypatch):
    predictor, both = Predictor(lively_archive()), threading.Barrier(2)
    monkeypatch.setattr(predictor, "batch_length", lambda _: 1)
    compute = predictor.predict_batch
    monkeypatch.setattr(predictor, "predict_batch", lambda images: (both.wait(timeout=30), compute(images))[1])
    for step in run(predictor, range(6)):
        step.result.result()  # a broken barrier raises: two images were never computed at a time


@pytest.mark.parametrize("threads", [2], indirect=True)
@pytest.mark.usefixtures("threads")
def test_the_first_of_many_tiny_images_does_not_wait_for_thousands():
    read = []
    steps = predict_each(
        Predictor(lively_archive()),
        range(5000),
        read=lambda item: (read.append(item), IMAGES[2][:8, :8])[1],
        image_of=lambda image: image,
    )
    assert next(steps).result.result().labels.shape == (8, 8)
    assert len(read) < 300
    steps.close()


def test_a_caller_that_stops_leaves_nothing_behind():
    predictor, before = Predictor(lively_archive()), (torch.get_num_threads(), threading.active_count())
    steps = predict_each(predictor, range(6), read=IMAGES.__getitem__, image_of=lambda image: image)
    next(steps)
    steps.close()
    deadline = time.monotonic() + 10
    while threading.active_count() > before[1] and time.monotonic() < deadline:
        time.sleep(0.01)
    assert (torch.get_num_threads(), threading.active_count()) == before
