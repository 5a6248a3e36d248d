"""Masks of a network, copies and older work beside the true masks, which alone may be trained on unasked."""

import numpy as np
import pytest
from PIL import Image
from scipy.io import savemat

from atrous.data.dataset import open_splits
from atrous.errors import InputError
from data.layouts.test_guarded_rules import mask, picture, said, save

COUNT = 6


def save_any(path, values):
    """Write an array, a matrix or a picture, as the suffix says."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".npy":
        np.save(path, values)
    elif path.suffix == ".mat":
        savemat(path, {"labels": values})
    else:
        Image.fromarray(values).save(path)


def written(folder, *places, images="images/{}.png", values=(1, 2)):
    """Pictures, and masks of each place that differ a little from those of the others."""
    for number in range(COUNT):
        save(folder / images.format(number), picture(number))
        for seed, place in enumerate(places):
            save_any(folder / place.format(number), np.roll(mask(values, number), seed, axis=0))
    return folder


def pairs_of(folder):
    found = [pair for part in open_splits(folder).values() for pair in part.pairs]
    return {str(pair.image.relative_to(folder)): str(pair.mask.relative_to(folder)) for pair in found}


@pytest.mark.parametrize(
    ("true", "other"),
    [
        ("masks/{}.npy", "predicted_masks/{}.png"),
        ("labels/{}.npy", "labels_backup/{}.png"),
        ("labels/{}.mat", "unet_masks/{}.png"),
        ("object_masks/{}.png", "predicted_masks/{}.png"),
        ("object_masks/{}.png", "leaf_masks/{}.png"),
        ("inst_masks/{}.png", "pred_masks/{}.png"),
    ],
)
def test_folders_of_other_words_replace_no_masks(tmp_path, capsys, true, other):
    written(tmp_path, true, other)
    assert pairs_of(tmp_path) == {f"images/{number}.png": true.format(number) for number in range(COUNT)}
    assert f"left out: {COUNT} files that no sample uses ({other.format(0)}" in said(tmp_path, capsys)


@pytest.mark.parametrize("result", ["predicted_masks/{}.png", "predictions/sem_masks/{}.png", "old_masks/{}.png"])
@pytest.mark.parametrize("suffix", ["png", "npy"])
def test_labels_beside_numbers_of_objects_and_results(tmp_path, result, suffix):
    written(tmp_path, "inst_masks/{}.png", f"sem_masks/{{}}.{suffix}", result)
    assert pairs_of(tmp_path) == {f"images/{number}.png": f"sem_masks/{number}.{suffix}" for number in range(COUNT)}


def test_a_folder_of_all_that_is_called_results_says_nothing(tmp_path):
    written(tmp_path, "results/inst_masks/{}.png", "results/sem_masks/{}.png", images="results/images/{}.png")
    expected = {f"results/images/{number}.png": f"results/sem_masks/{number}.png" for number in range(COUNT)}
    assert pairs_of(tmp_path) == expected


def test_two_kinds_that_could_both_count_are_the_users_decision(tmp_path):
    for number in range(COUNT):
        save(tmp_path / f"leaf_masks/{number}.png", mask((1, 2), number).T.reshape(12, 16))
    written(tmp_path, "inst_masks/{}.png", "sem_masks/{}.png")
    line = r"has two masks for every picture, such as leaf_masks/0.png, sem_masks/0.png for images/0.png"
    with pytest.raises(InputError, match=line):
        open_splits(tmp_path)
