"""The files that commands and code of the documentation name: tiny data, and networks of untrained weights."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import torch
from PIL import Image
from safetensors import safe_open
from safetensors.torch import load_file

import atrous
from atrous.importers.export_weights import to_hugging_face, to_torchvision
from atrous.model.presets import preset
from fakes.geotiff import write_tiff
from fakes.keras_writer import WHOLE, drawn_weights, mobilenet_layers, write_weights
from fakes.layouts import yolo
from fakes.run import MODEL

REFERENCE = Path(__file__).parents[1] / "reference"
SIZE = (48, 64)
CLASSES = ("road", "car", "person")
PEERS = {
    "smp.pth": ("smp", "smp_deeplabv3plus_mobilenet_v2", ""),
    "deeplabv3plus_r50.pth": ("mmsegmentation", "mmsegmentation_deeplabv3plus_r50", "state_dict"),
    "best_deeplabv3plus_mobilenet_voc_os16.pth": ("vainf", "vainf_deeplabv3plus_mobilenet", "model_state"),
    "deeplab-resnet.pth.tar": ("jfzhang95", "jfzhang95_resnet101", "state_dict"),
}
"""Checkpoints of other projects: their network in tests/reference, and the key that the project puts it under."""


def random_bytes(*shape, seed=0, below=256):
    return np.random.default_rng(seed).integers(0, below, shape, dtype=np.uint8)


def write_files(folder):
    """All of them, below `folder`."""
    torch.manual_seed(0)
    write_street(folder / "street")
    for name in ("photo.jpg", "street.jpg", "photos/a.jpg", "photos/b.jpg", "new/c.jpg", "new/d.jpg"):
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(random_bytes(*SIZE, 3, seed=len(name))).save(path)
    write_video(folder / "drive.mp4")
    write_tiff(folder / "field.tif", random_bytes(70, 90, 3), geo=True, photometric="rgb")
    write_fields(folder / "fields")
    yolo(folder / "yolo")
    model = atrous.build(replace(MODEL, classes=len(CLASSES)))
    labels = atrous.LabelSpace(names=CLASSES)
    (folder / "runs/street").mkdir(parents=True)
    atrous.save(folder / "runs/street/last.safetensors", model.eval(), labels=labels, provenance={})
    atrous.save(
        folder / "street.safetensors", atrous.deeplabv3plus_efficientnet_lite0(classes=3), labels=labels, provenance={}
    )
    write_checkpoints(folder)


def write_street(folder, count=8):
    """Eight pictures with masks of class ids and a schema."""
    for part in ("images", "masks"):
        (folder / part).mkdir(parents=True)
    for number in range(count):
        Image.fromarray(random_bytes(*SIZE, 3, seed=number)).save(folder / f"images/{number}.jpg")
        mask = np.kron(random_bytes(6, 8, seed=number + 50, below=3), np.ones((8, 8), np.uint8))
        mask[:2] = 255
        Image.fromarray(mask).save(folder / f"masks/{number}.png")
    (folder / "schema.toml").write_text(f"classes = {json.dumps(CLASSES)}\n")


def write_fields(folder):
    """Four TIFFs of five bands of 12 bits."""
    (folder / "masks").mkdir(parents=True)
    for number in range(4):
        bands = np.random.default_rng(number).integers(0, 4096, (*SIZE, 5), dtype=np.uint16)
        write_tiff(folder / f"images/{number}.tif", bands)
        Image.fromarray(np.kron(random_bytes(6, 8, seed=number, below=3), np.ones((8, 8), np.uint8))).save(
            folder / f"masks/{number}.png"
        )
    (folder / "schema.toml").write_text('classes = ["field", "forest", "water"]\n\n[picture]\nrange = [0, 4095]\n')


def write_video(path):
    """Three frames."""
    with av.open(str(path), "w") as file:
        stream = file.add_stream("mpeg4", rate=5)
        stream.height, stream.width, stream.pix_fmt = *SIZE, "yuv420p"
        for number in range(3):
            for packet in stream.encode(av.VideoFrame.from_ndarray(random_bytes(*SIZE, 3, seed=number))):
                file.mux(packet)
        for packet in stream.encode():
            file.mux(packet)


def write_checkpoints(folder):
    """Other projects' files. Every number is alike: what such files give is compared in tests/importers."""
    for name, (project, network, key) in PEERS.items():
        with safe_open(REFERENCE / f"peer_{project}.safetensors", "pt") as file:
            shapes = json.loads(file.metadata()["shapes"])[network]
        state = {key: torch.full(tuple(shape), 0.01) for key, shape in shapes.items()}
        torch.save({key: state} if key else state, folder / name)
    ours = preset("deeplabv3_resnet50")
    theirs = replace(ours, head=replace(ours.head, projection=((1, 256, False), (3, 256, False))))
    to_torchvision(folder / "torchvision.safetensors", atrous.build(theirs))
    state = load_file(folder / "torchvision.safetensors")
    torch.save(state, folder / "deeplabv3_resnet50_coco.pth")
    backbone = {name.removeprefix("backbone."): value for name, value in state.items() if name.startswith("backbone.")}
    torch.save(backbone | {"fc.weight": torch.zeros(1000, 2048), "fc.bias": torch.zeros(1000)}, folder / "resnet50.pth")
    to_hugging_face(
        folder / "voc_folder", atrous.deeplabv3_mobilenet_v2(classes=21), labels=atrous.LabelSpace.unnamed(21)
    )
    for name, logits, classes in (
        ("deeplabv3_mobilenetv2_tf_dim_ordering_tf_kernels.h5", "logits_semantic", 21),
        ("mine.h5", "custom_logits_semantic", len(CLASSES)),
    ):
        layers = mobilenet_layers(channels=WHOLE, classes=classes, stem=32, logits=logits)
        write_weights(folder / name, drawn_weights(layers))
    shutil.copy(REFERENCE / "tensorflow_tiny.tar.gz", folder / "deeplabv3_checkpoint.tar.gz")
