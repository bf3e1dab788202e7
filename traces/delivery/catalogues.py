"""Catalogues of measured models: size, accuracy, inference delay.

``yolov4``: five resolutions of the object detector YOLOv4, from the table in the README of AlexeyAB/darknet
(Unlicense): mAP@0.5 on COCO, frames per second on an RTX 2070, weights in MB (one file serves all
resolutions but tiny; each resolution is deployed as a model of its own).

``yolov4-all``: the same and the other rows of that table that name an RTX 2070 speed.

``mdinference``: the 23 image classifiers of MDInference (Simulation/Shared.py of cake-lab/MDInference,
Apache-2.0): ImageNet top-1 accuracy and mean inference time on a p2 (GPU) instance. The source has no sizes;
they are those of the networks' published numbers of parameters at 4 bytes each.
"""

from __future__ import annotations

from typing import NamedTuple

from olearn.errors import unknown


class Model(NamedTuple):
    """One model: size in MB, accuracy in [0, 1], inference delay in ms."""

    name: str
    size: float
    accuracy: float
    delay: float


class Catalogue(NamedTuple):
    """Models for one task, and where the numbers come from."""

    name: str
    models: tuple[Model, ...]
    source: str


def _yolo(*rows: tuple[str, float, float, float]) -> tuple[Model, ...]:
    return tuple(Model(name, mb, points / 100, 1000 / fps) for name, points, fps, mb in rows)


_FIVE = (
    ("yolov4-608", 65.7, 34.0, 245.0),
    ("yolov4-512", 64.9, 45.0, 245.0),
    ("yolov4-416", 62.8, 55.0, 245.0),
    ("yolov4-320", 60.0, 63.0, 245.0),
    ("yolov4-tiny-416", 40.2, 330.0, 23.1),
)
_MORE = (("yolov4x-mish-640", 67.9, 23.0, 381.0), ("enet-coco", 45.5, 55.0, 18.3))
_DARKNET = "README of AlexeyAB/darknet (Unlicense): mAP@0.5, FPS on RTX 2070, weights"

#: Millions of parameters of MDInference's networks, as published with them.
_PARAMETERS = {
    "densenet": 8.0,
    "inception_resnet_v2": 55.8,
    "inception_v3": 23.8,
    "inception_v4": 42.7,
    "nasnet_large": 88.9,
    "nasnet_mobile": 5.3,
    "squeezenet": 1.25,
    "mobilenet_v1_0.25": 0.47,
    "mobilenet_v1_0.5": 1.33,
    "mobilenet_v1_0.75": 2.59,
    "mobilenet_v1_1.0": 4.24,
}


def _mdinference() -> Catalogue:
    from olearn.traces.offloading.routing import MDINFERENCE

    models = []
    for name, (percent, mean, *_) in MDINFERENCE.items():
        family = name.rsplit("_", 1)[0] if name.startswith("mobilenet") else name
        models.append(Model(name, 4.0 * _PARAMETERS[family], percent / 100, mean))
    return Catalogue(
        "mdinference",
        tuple(models),
        "cake-lab/MDInference Simulation/Shared.py (Apache-2.0): top-1 accuracy, mean time on p2; "
        "sizes from parameters",
    )


#: Names of the catalogues.
CATALOGUES = ("yolov4", "yolov4-all", "mdinference")


def catalogue(name: str) -> Catalogue:
    """A catalogue by its name.

    Examples
    --------
    >>> [m.name for m in catalogue("yolov4").models][:2], len(catalogue("mdinference").models)
    (['yolov4-608', 'yolov4-512'], 23)
    """
    if name == "yolov4":
        return Catalogue(name, _yolo(*_FIVE), _DARKNET)
    if name == "yolov4-all":
        return Catalogue(name, _yolo(*_FIVE, *_MORE), _DARKNET)
    if name == "mdinference":
        return _mdinference()
    raise unknown("catalogue", str(name), CATALOGUES)
