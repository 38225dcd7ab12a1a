"""What a compressed model keeps, by onnxruntime alone: trained_judge.py ORIGINAL COMPRESSED EVAL KINDS

Prints JSON: for each output, the SQNR of each sample in dB in front of the decision (`null` where both are equal), the same of the output itself, and how
far decisions agree: the share of equal classes, the overlap of what is above one half (intersection over union), or the
share of samples whose nearest neighbour among all stays the same. KINDS is JSON: {output: "classes", "neighbours" or "values"} for
outputs whose last operator does not tell.
"""
import json
import sys

import numpy as np
import onnx
import onnxruntime

import trained
import trained_front


class Judged:
    """One output of both models."""

    def __init__(self, name, kind, fronts):
        self.name, self.kind, self.axis, self.fronts = name, kind, -1, fronts
        self.sqnr, self.at_output, self.hits, self.all, self.vectors = [], [], 0, 0, ([], [])

    def take(self, before, after):
        """What both models give on one sample."""
        self.at_output.append(decibels(*(wide(found[self.name]) for found in (before, after))))
        expected, actual = (wide(found[name]) for found, name in zip((before, after), self.fronts or (self.name, self.name)))
        actual = actual.reshape(expected.shape)
        self.sqnr.append(decibels(expected, actual))
        if self.kind == "classes":
            same = expected.argmax(self.axis) == actual.argmax(self.axis)
            self.hits, self.all = self.hits + int(same.sum()), self.all + same.size
        elif self.kind == "mask":
            self.hits += int(((expected > 0) & (actual > 0)).sum())
            self.all += int(((expected > 0) | (actual > 0)).sum())
        elif self.kind == "neighbours":
            for vectors, array in zip(self.vectors, (expected, actual)):
                vectors.append(array.ravel() / (np.linalg.norm(array) or 1))

    def result(self):
        if self.kind == "neighbours":
            before, after = (nearest(np.stack(vectors)) for vectors in self.vectors)
            self.hits, self.all = int((before == after).sum()), len(before)
        agreement = self.hits / self.all if self.all else None
        return {"kind": self.kind, "front": self.fronts is not None, "sqnr": self.sqnr, "atOutput": self.at_output, "agreement": agreement}


def wide(array):
    return array.astype(np.float64)


def decibels(expected, actual):
    noise = ((expected - actual) ** 2).sum()
    return None if noise == 0 else float(10 * np.log10(max((expected**2).sum(), 1e-30) / noise))


def nearest(vectors):
    likeness = vectors @ vectors.T
    np.fill_diagonal(likeness, -2)
    return likeness.argmax(1)


def judged(models, kinds):
    """The outputs of both models, by the tensor in front where both have one."""
    original, compressed = (trained_front.fronts(model) for model in models)
    outputs = []
    for output in models[0].graph.output:
        before, after = original.get(output.name), compressed.get(output.name)
        both = before and after and before[0] == after[0]
        kind = kinds.get(output.name) or ("values" if not before else "mask" if before[0] == "Sigmoid" else "classes")
        outputs.append(Judged(output.name, kind if both or output.name in kinds else "values", (before[2], after[2]) if both else None))
        outputs[-1].axis = before[1] if both else -1
    return outputs


def session(model, names):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(trained_front.with_outputs(model, names).SerializeToString(), options)


def main(original, compressed, evaluation, kinds):
    models = [onnx.load(path) for path in (original, compressed)]
    outputs = judged(models, kinds)
    # Once each, as an output may be its own front.
    names = [[*{name: 0 for output in outputs for name in (output.name, (output.fronts or (output.name,) * 2)[k])}] for k in range(2)]
    sessions = [session(model, own) for model, own in zip(models, names)]
    types = {"tensor(int64)": np.int64, "tensor(int32)": np.int32, "tensor(float)": np.float32}
    wanted = {entry.name: types[entry.type] for entry in sessions[0].get_inputs()}
    for feed in trained.read(evaluation):
        feed = {name: np.asarray(feed[name], kind) for name, kind in wanted.items()}
        before, after = (dict(zip(own, one.run(own, feed))) for one, own in zip(sessions, names))
        for output in outputs:
            output.take(before, after)
    print(json.dumps({output.name: output.result() for output in outputs}))


if __name__ == "__main__":
    main(*sys.argv[1:4], json.loads(sys.argv[4]))
