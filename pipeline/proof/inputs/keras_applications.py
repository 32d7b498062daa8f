"""Networks of `tf.keras.applications`: recognized by name and layers, with the pixels they take.

Each network is made for the pixels that `preprocess_input` of its module returns
(keras/src/applications/imagenet_utils.py): "tf" is -1 to 1; "caffe" is blue, green, red, each less
its mean in ImageNet; "torch" is red, green, blue, normalized by mean and deviation in ImageNet.
Networks that scale pixels themselves, such as EfficientNet, are found by their arithmetic. A
network within another model may have been trained anew, with other pixels, and says nothing.
It opens no file.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pipeline.proof.inputs.contract_facts import BYTE
from pipeline.records.contract import InputContract

IMAGENET_MEAN = (0.485, 0.456, 0.406)
"""Of red, green and blue, where a pixel is 0 to 1."""
IMAGENET_STD = (0.229, 0.224, 0.225)

_CAFFE_MEAN = [103.939, 116.779, 123.68]
_TF: Mapping[str, Any] = {"mean": [127.5] * 3, "std": [127.5] * 3, "color": "rgb"}
_CAFFE: Mapping[str, Any] = {"mean": _CAFFE_MEAN, "std": [1.0] * 3, "color": "bgr"}
_TORCH: Mapping[str, Any] = {
    "mean": [round(mean * BYTE, 3) for mean in IMAGENET_MEAN],
    "std": [round(std * BYTE, 3) for std in IMAGENET_STD],
    "color": "rgb",
}


@dataclass(frozen=True, kw_only=True)
class _Family:
    """Networks of one module.

    Attributes:
        module: Its name below `tf.keras.applications`.
        name: Pattern of a model's name.
        layers: Names of layers that all of them have.
        pixels: The facts of their input.
    """

    module: str
    name: str
    layers: tuple[str, ...]
    pixels: Mapping[str, Any]


_FAMILIES = tuple(
    _Family(module=module, name=name, layers=layers, pixels=pixels)
    for module, name, layers, pixels in (
        ("densenet", r"densenet(121|169|201)", ("conv1_conv", "conv5_block16_concat"), _TORCH),
        ("inception_resnet_v2", r"inception_resnet_v2", ("mixed_5b", "conv_7b"), _TF),
        ("inception_v3", r"inception_v3", ("mixed0", "mixed10"), _TF),
        ("mobilenet", r"mobilenet_\d\.\d+_(\d+|None)", ("conv1", "conv_dw_13", "conv_pw_13"), _TF),
        ("mobilenet_v2", r"mobilenetv2_\d\.\d+_(\d+|None)", ("Conv1", "block_16_project"), _TF),
        ("nasnet", r"NASNet|nasnet_(mobile|large)", ("stem_conv1", "stem_bn1"), _TF),
        ("resnet", r"resnet(50|101|152)", ("conv1_conv", "conv5_block3_out"), _CAFFE),
        ("resnet_v2", r"resnet(50|101|152)v2", ("conv1_conv", "post_bn"), _TF),
        ("vgg16", r"vgg16", ("block1_conv1", "block5_conv3"), _CAFFE),
        ("vgg19", r"vgg19", ("block1_conv1", "block5_conv4"), _CAFFE),
        ("xception", r"xception", ("block1_conv1", "block14_sepconv2"), _TF),
    )
)  # fmt: skip


def find_application(config: Mapping[str, Any]) -> InputContract | None:
    """Return the contract of the image of a network of Keras; None for any other model.

    Args:
        config: The model's config as a Keras file or a layers model has it: `class_name`, `config`.
    """
    inner = config.get("config")
    if not isinstance(inner, Mapping) or not isinstance(inner.get("name"), str):
        return None
    wire = inner.get("layers")
    names = {_find_name(layer) for layer in (wire if isinstance(wire, list) else ())}
    name = inner["name"]
    for family in _FAMILIES:
        if re.fullmatch(family.name, name) and names.issuperset(family.layers):
            module = f"tf.keras.applications.{family.module}"
            evidence = f"it is {name} of {module}, whose preprocess_input makes its pixels"
            return InputContract(**family.pixels, evidence=dict.fromkeys(family.pixels, evidence))
    return None


def _find_name(layer: Any) -> str | None:
    """Return a layer's name; files of old have it in the config only."""
    if not isinstance(layer, Mapping):
        return None
    config = layer.get("config")
    inner = config.get("name") if isinstance(config, Mapping) else None
    name = layer.get("name") or inner
    return name if isinstance(name, str) else None
