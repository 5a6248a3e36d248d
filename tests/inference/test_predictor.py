"""The predictor against full-size logits, and what it leaves alone."""

from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image

import atrous
from atrous.inference.multiscale import probability_bands
from atrous.inference.predictor import Predictor
from atrous.labels import LabelSpace
from atrous.model.conventions import PYTORCH, TENSORFLOW
from fakes.lively_model import LABELS, blocks, lively_archive, lively_model

SCALES = (0.5, 1.0, 1.5)


def picture(height, width, *, channels=3):
    return blocks(height, width, channels=channels)[0].permute(1, 2, 0).contiguous().numpy()


@pytest.mark.parametrize("size", [(33, 49), (34, 50), (1, 1)])
@pytest.mark.parametrize("name", ["deeplabv3_mobilenet_v2", "deeplabv3plus_mobilenet_v2"])
def test_labels_are_the_largest_full_size_logits(name, size):
    model = lively_model(name)
    labels = Predictor(model)(picture(*size)).labels
    with torch.inference_mode():
        expected = model.eval().logits(blocks(*size))[0].argmax(dim=0).numpy()
    assert labels.dtype == np.uint8
    np.testing.assert_array_equal(labels, expected)
    assert size == (1, 1) or len(np.unique(labels)) > 1


def test_another_output_stride_is_that_of_a_model_built_for_it():
    finer = lively_model(output_stride=8).eval()
    labels = Predictor(lively_model(), output_stride=8)(picture(33, 49)).labels
    with torch.inference_mode():
        expected = finer.logits(blocks(33, 49))[0].argmax(dim=0).numpy()
    np.testing.assert_array_equal(labels, expected)
    assert (labels != Predictor(lively_model())(picture(33, 49)).labels).any()


def test_multi_scale_labels_are_the_most_probable_classes():
    predictor = Predictor(lively_model(), scales=SCALES, flip=True)
    probabilities = predictor.probabilities(picture(33, 49))
    assert probabilities.shape == (4, 33, 49)
    np.testing.assert_allclose(probabilities.sum(axis=0), 1, atol=1e-6)
    np.testing.assert_array_equal(predictor(picture(33, 49)).labels, probabilities.argmax(axis=0))
    assert (predictor(picture(33, 49)).labels != Predictor(lively_model())(picture(33, 49)).labels).any()


@pytest.mark.parametrize("conventions", [TENSORFLOW, PYTORCH])
@pytest.mark.parametrize("scales", [(1.0,), (0.5, 1.0, 1.25)])
def test_padding_is_that_of_the_papers(conventions, scales):
    """A canvas of zeros for a model that does not scale, the image on it scaled by hand; all in float64."""
    size, image = (49, 65), picture(33, 50)
    model = lively_model(conventions=conventions).double()
    unscaled = replace(conventions, input_mean=(0.0,), input_std=(1.0,))
    plain = lively_model(conventions=unscaled).double().eval()
    mean, std = (torch.tensor(values).double().view(-1, 1, 1) for values in conventions.input_scaling(3))
    canvas = torch.zeros(1, 3, *size, dtype=torch.float64)
    canvas[..., :33, :50] = (torch.tensor(image).permute(2, 0, 1).double() - mean) / std
    with torch.inference_mode():
        if scales == (1.0,):
            coarse = plain(canvas)
            full = F.interpolate(coarse, size, mode="bilinear", align_corners=conventions.align_corners).softmax(dim=1)
        else:
            full = torch.cat([band for _, band in probability_bands(plain, canvas, scales=scales, flip=False)], dim=2)
    expected = full[0, :, :33, :50].numpy()
    padded = Predictor(model, scales=scales, pad=size)
    np.testing.assert_allclose(padded.probabilities(image), expected, atol=1e-7)  # it rounds to float32
    np.testing.assert_array_equal(padded(image).labels, expected.argmax(axis=0))
    native = Predictor(model, scales=scales).probabilities(image)
    assert np.abs(native - expected).max() > 0.01


def test_an_image_of_the_padded_size_is_as_it_was():
    image = picture(33, 49)
    native, padded = Predictor(lively_model()), Predictor(lively_model(), pad=(33, 49))
    np.testing.assert_allclose(padded.probabilities(image), native.probabilities(image), atol=1e-5)


@pytest.mark.parametrize("size", [(34, 49), (33, 50)])
def test_an_image_larger_than_the_padding_is_refused(size):
    with pytest.raises(atrous.InputError, match=f"{size[0]}x{size[1]} does not fit into the padding to 33x49"):
        Predictor(lively_model(), pad=(33, 49))(picture(*size))


@pytest.mark.parametrize("pad", [(0, 513), (2**20, 2**20)])
def test_impossible_paddings_are_refused(pad):
    with pytest.raises(atrous.InputError, match="is out of reach; give a size such as 513x513"):
        Predictor(lively_model(), pad=pad)


def test_files_pil_images_and_arrays_are_answered_alike(tmp_path):
    predictor, array = Predictor(lively_model()), picture(33, 49)
    Image.fromarray(array).save(tmp_path / "a.png")
    expected = predictor(array).labels
    for given in (tmp_path / "a.png", str(tmp_path / "a.png"), Image.fromarray(array)):
        np.testing.assert_array_equal(predictor(given).labels, expected)


def test_a_pil_image_is_turned_as_its_exif_says(tmp_path):
    predictor, array = Predictor(lively_model()), picture(33, 49)
    exif = Image.Exif()
    exif[0x0112] = 6  # stored lying on its side
    Image.fromarray(np.rot90(array)).save(tmp_path / "a.png", exif=exif)
    with Image.open(tmp_path / "a.png") as turned:
        np.testing.assert_array_equal(predictor(turned).image, array)


def test_the_callers_model_is_left_as_it_is():
    model = lively_model()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    Predictor(model, output_stride=8, scales=SCALES)(picture(18, 26))
    assert all(module.training for module in model.modules())
    assert model.output_stride == 16
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())
    assert all(parameter.requires_grad for parameter in model.parameters())


def test_weights_are_shared_so_that_training_shows():
    model = lively_model()
    predictor = Predictor(model)
    with torch.no_grad():
        model.classifier.weight.zero_()
        model.classifier.bias.copy_(torch.tensor([0.0, 0, 1, 0]))
    assert (predictor(picture(18, 26)).labels == 2).all()


def test_another_device_gets_a_copy_and_the_callers_model_stays():
    model = lively_model()
    predictor = Predictor(model, device=torch.device("meta"))
    assert predictor.device == torch.device("meta")
    assert {tensor.device.type for tensor in model.state_dict().values()} == {"cpu"}


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_cuda_agrees_with_the_cpu(monkeypatch):
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", False)
    for options in ({}, {"scales": SCALES, "flip": True, "output_stride": 8}):
        ours = Predictor(lively_model(), **options).probabilities(picture(33, 49))
        theirs = Predictor(lively_model(), device="cuda", **options)
        np.testing.assert_allclose(theirs.probabilities(picture(33, 49)), ours, atol=1e-3)
        np.testing.assert_array_equal(
            theirs(picture(33, 49)).labels, theirs.probabilities(picture(33, 49)).argmax(axis=0)
        )


def test_names_and_hash_come_with_an_archive():
    predictor = Predictor(lively_archive())
    assert predictor.labels == LABELS
    assert predictor.sha256 == "ab" * 32
    assert predictor(picture(18, 26)).space.names == ("sky", "road", "tree", "car")
    assert Predictor(lively_model()).labels == LabelSpace.unnamed(4)


def test_labels_can_be_named_by_the_caller():
    other = LabelSpace(names=("a", "b", "c", "d"))
    assert Predictor(lively_archive(), labels=other)(picture(18, 26)).space == other
    with pytest.raises(atrous.InputError, match="3 labels for a model of 4 classes"):
        Predictor(lively_model(), labels=LabelSpace(names=("a", "b", "c")))


def test_many_classes_need_16_bits():
    predictor = Predictor(lively_model(classes=300))
    labels = predictor(picture(33, 49)).labels
    assert labels.dtype == np.int16
    np.testing.assert_array_equal(labels, predictor.probabilities(picture(33, 49)).argmax(axis=0))
    assert Predictor(lively_model(classes=300), flip=True)(picture(33, 49)).labels.dtype == np.int16


def test_read_only_and_reversed_arrays_are_fine():
    array = picture(18, 26)
    array.flags.writeable = False
    predictor = Predictor(lively_model())
    np.testing.assert_array_equal(
        predictor(array[:, ::-1]).labels, predictor(np.ascontiguousarray(array[:, ::-1])).labels
    )


def test_other_channels_are_for_models_that_take_them():
    four = Predictor(lively_model(in_channels=4))
    assert four(picture(18, 26, channels=4)).labels.shape == (18, 26)
    with pytest.raises(atrous.InputError, match=r"uint8 \[18, 26, 3\]; the model takes uint8 \[height, width, 4\]"):
        four(picture(18, 26))


@pytest.mark.parametrize(
    ("shape", "dtype"), [((5,), "uint8"), ((5, 5, 2), "uint8"), ((5, 5, 3), "float32"), ((0, 5, 3), "uint8")]
)
def test_arrays_that_are_no_pictures_are_refused(shape, dtype):
    with pytest.raises(atrous.InputError, match=r"the model takes uint8 \[height, width, 3\]"):
        Predictor(lively_model())(np.zeros(shape, dtype))


@pytest.mark.parametrize("scales", [(), (0.0,), (1.0, -1.0), (float("nan"),), (8.1,)])
def test_impossible_scales_are_refused(scales):
    with pytest.raises(atrous.InputError, match="give one or more numbers above 0"):
        Predictor(lively_model(), scales=scales)


@pytest.mark.parametrize("output_stride", [0, 3, 64])
def test_impossible_output_strides_are_refused(output_stride):
    with pytest.raises(atrous.InputError, match=f"output stride {output_stride} is impossible"):
        Predictor(lively_model(), output_stride=output_stride)


@pytest.mark.shared
def test_the_official_weights_give_the_official_answer(shared):
    """Through the public face: the class map that TensorFlow's own test data expects of this photo, on every pixel."""
    predictor = atrous.Predictor(atrous.load(shared / "weights/deeplabv3_mnv2_dm05_voc_257_float.tflite"))
    result = predictor(shared / "images/segmentation_input_rotation0.jpg")
    with Image.open(shared / "images/segmentation_golden_rotation0.png") as golden:
        expected = np.array(golden.convert("L")) // 10
    np.testing.assert_array_equal(result.labels, expected)
    assert [result.space.names[label] for label in np.unique(result.labels)] == ["background", "horse", "person"]
