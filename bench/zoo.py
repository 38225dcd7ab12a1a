"""Models that edgec does not ship, with inputs to calibrate on: zoo.py FOLDER [--list | NAME ...]

Writes FOLDER/NAME.onnx, inputs to calibrate on in FOLDER/NAME.npz and others to compare on in FOLDER/NAME.eval.npz, and
prints a line of JSON for each model: name, exporter, or why it failed.
Weights are random, as none can be fetched here; BatchNormalization takes its statistics from data, so that activations
have the sizes that they have in a trained network.
"""
import json
import logging
import shutil
import sys
import warnings
from functools import partial
from pathlib import Path

import numpy as np
import onnx
import torch
from torch import nn

import zoo_data as data
import zoo_models as models

warnings.filterwarnings("ignore")
logging.disable(logging.WARNING)

CALIBRATION = 16
SAMPLES = CALIBRATION + 8
picture = partial(data.images, SAMPLES, 3)
pictures = lambda size=128: {"image": picture(size, seed=1)}
words = {"words": data.words(SAMPLES, 40, 2000, seed=1)}
steps = {"x": data.series(SAMPLES, 30, 16, seed=1)}


def vision(name, size=128):
    return lambda: (models.vision(name), pictures(size))


def own(build, inputs):
    return lambda: (build(), inputs)


# Name: what it is, the operator set, the exporter (torch.export or TorchScript), and whether sizes but the channels are open.
CASES = {
    "resnet18-11": (vision("resnet18"), 11, "script", False),
    "resnet18-23": (vision("resnet18"), 23, "dynamo", False),
    "mobilenet_v3_small-13": (vision("mobilenet_v3_small"), 13, "script", True),
    "mobilenet_v3_small-20": (vision("mobilenet_v3_small"), 20, "dynamo", True),
    "mobilenet_v2-17": (vision("mobilenet_v2"), 17, "script", True),
    "squeezenet1_1-18": (vision("squeezenet1_1"), 18, "dynamo", False),
    "efficientnet_b0-17": (vision("efficientnet_b0"), 17, "script", False),
    "efficientnet_b0-18": (vision("efficientnet_b0"), 18, "dynamo", True),
    "shufflenet_v2-11": (vision("shufflenet_v2_x1_0"), 11, "script", True),
    "shufflenet_v2-20": (vision("shufflenet_v2_x1_0"), 20, "dynamo", False),
    "mnasnet1_0-13": (vision("mnasnet1_0"), 13, "script", False),
    "regnet_y_400mf-18": (vision("regnet_y_400mf"), 18, "dynamo", False),
    "densenet121-13": (vision("densenet121"), 13, "script", True),
    "googlenet-18": (lambda: (models.vision("googlenet", aux_logits=False, init_weights=False), pictures()), 18, "dynamo", False),
    "convnext_tiny-18": (vision("convnext_tiny"), 18, "dynamo", False),
    "convnext_tiny-17": (vision("convnext_tiny"), 17, "script", True),
    "swin_t-17": (vision("swin_t"), 17, "script", False),
    "swin_t-20": (vision("swin_t"), 20, "dynamo", False),
    "vit-17": (own(models.small_vit, pictures(96)), 17, "script", False),
    "vit-23": (own(models.small_vit, pictures(96)), 23, "dynamo", True),
    "unet-11": (own(models.UNet, pictures(96)), 11, "script", True),
    "unet-20": (own(models.UNet, pictures(96)), 20, "dynamo", False),
    "autoencoder-13": (own(models.Autoencoder, pictures(64)), 13, "script", True),
    "autoencoder-18": (own(models.Autoencoder, pictures(64)), 18, "dynamo", False),
    "audio-13": (own(models.AudioNet, {"sound": data.sounds(SAMPLES, 8000, seed=1)}), 13, "script", True),
    "audio-20": (own(models.AudioNet, {"sound": data.sounds(SAMPLES, 8000, seed=1)}), 20, "dynamo", False),
    "keywords-11": (own(models.KeywordNet, {"spectrogram": data.spectrograms(SAMPLES, 49, 10, seed=1)}), 11, "script", False),
    "keywords-18": (own(models.KeywordNet, {"spectrogram": data.spectrograms(SAMPLES, 49, 10, seed=1)}), 18, "dynamo", True),
    "tagger-lstm-13": (own(partial(models.Tagger, "LSTM"), words), 13, "script", True),
    "tagger-lstm-20": (own(partial(models.Tagger, "LSTM", 2), words), 20, "dynamo", False),
    "tagger-gru-17": (own(partial(models.Tagger, "GRU"), words), 17, "script", True),
    "tagger-rnn-13": (own(partial(models.Tagger, "RNN"), words), 13, "script", False),
    "forecast-lstm-18": (own(partial(models.Forecaster, "LSTM"), steps), 18, "dynamo", False),
    "forecast-gru-11": (own(partial(models.Forecaster, "GRU"), steps), 11, "script", True),
    "encoder-17": (own(models.TextEncoder, words), 17, "script", True),
    "encoder-23": (own(models.TextEncoder, words), 23, "dynamo", True),
    "encoder-14": (own(models.TextEncoder, words), 14, "script", False),
    "loop-13": (own(lambda: torch.jit.script(models.LoopNet()), steps), 13, "script", True),
    "loop-17": (own(lambda: torch.jit.script(models.LoopNet()), steps), 17, "script", False),
    "branch-11": (own(lambda: torch.jit.script(models.BranchNet()), pictures(64)), 11, "script", True),
    "branch-17": (own(lambda: torch.jit.script(models.BranchNet()), pictures(64)), 17, "script", False),
    "detector-13": (own(models.Detector, pictures()), 13, "script", False),
    "detector-18": (own(models.Detector, pictures()), 18, "dynamo", False),
    "resnet18-fp16-17": (vision("resnet18"), 17, "script-fp16", False),
    "mobilenet_v3_small-fp16-18": (vision("mobilenet_v3_small"), 18, "dynamo-fp16", False),
    "encoder-fp16-18": (own(models.TextEncoder, words), 18, "dynamo-fp16", False),
}


def settled(model, inputs):
    """Takes the statistics of BatchNormalization from the inputs, and gives its scales and shifts the spread that training does."""
    for part in model.modules():
        if isinstance(part, (nn.BatchNorm1d, nn.BatchNorm2d)):
            part.reset_running_stats()
            part.momentum = None
            nn.init.uniform_(part.weight, 0.5, 1.5)
            nn.init.normal_(part.bias, 0, 0.3)
    if any(isinstance(part, (nn.BatchNorm1d, nn.BatchNorm2d)) for part in model.modules()):
        model.train()
        for part in model.modules():
            if isinstance(part, nn.Dropout):
                part.eval()
        with torch.no_grad():
            for _ in range(2):
                model(*inputs)
    return model.eval()


def export(path, build, opset, exporter, is_open):
    torch.manual_seed(0)
    model, arrays = build()
    tensors = [torch.from_numpy(array) for array in arrays.values()]
    model = settled(model, tensors)
    if exporter.endswith("fp16"):
        model = model.half()
        arrays = {name: array.astype(np.float16) if array.dtype == np.float32 else array for name, array in arrays.items()}
    first = tuple(torch.from_numpy(array[:1]) for array in arrays.values())
    names = list(arrays)
    if exporter.startswith("dynamo"):
        shapes = tuple({0: torch.export.Dim.DYNAMIC} for _ in names) if is_open else None
        # With a batch of one, torch.export takes the size for fixed.
        example = tuple(torch.from_numpy(array[:2]) for array in arrays.values()) if is_open else first
        torch.onnx.export(model, example, str(path), dynamo=True, opset_version=opset, input_names=names, dynamic_shapes=shapes, external_data=False, verbose=False)
    else:
        axes = {name: {0: "batch"} for name in names} if is_open else None
        torch.onnx.export(model, first, str(path), dynamo=False, opset_version=opset, input_names=names, output_names=["y"] if not isinstance(model, models.Detector) else ["boxes", "scores"], dynamic_axes=axes)
    save(path, arrays, CALIBRATION)


def save(path, arrays, calibration):
    np.savez(path.with_suffix(".npz"), **{name: array[:calibration] for name, array in arrays.items()})
    np.savez(path.with_suffix(".eval.npz"), **{name: array[calibration:] for name, array in arrays.items()})


def copy_light(source, path):
    """One of the onnx package's own test models, whose weights are ConstantOfShape nodes: none of them has any values of its own."""
    model = onnx.load(source)
    constants = {tensor.name for tensor in model.graph.initializer}
    [image] = [value for value in model.graph.input if value.name not in constants]
    sizes = [dim.dim_value for dim in image.type.tensor_type.shape.dim]
    shutil.copy(source, path)
    save(path, {image.name: data.images(6, sizes[1], sizes[2], seed=1)}, 4)


def main(folder, *wanted):
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    light = Path(onnx.__file__).parent / "backend/test/data/light"
    jobs = {name: (lambda path, case=case: export(path, *case), case[2]) for name, case in CASES.items()}
    jobs |= {source.stem: (partial(copy_light, source), "caffe2") for source in sorted(light.glob("*.onnx"))}
    if wanted == ("--list",):
        return print(*(json.dumps({"name": name}) for name in jobs), sep="\n")
    for name in wanted or jobs:
        run, exporter = jobs[name]
        path = folder / f"{name}.onnx"
        report = {"name": name, "exporter": exporter}
        if not path.with_suffix(".eval.npz").exists():
            try:
                run(path)
            except Exception as error:
                path.unlink(missing_ok=True)
                report["failure"] = str(error).strip().split("\n")[0][:120]
        print(json.dumps(report), flush=True)


main(*sys.argv[1:])
