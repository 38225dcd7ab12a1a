"""Peers of `edgec optimize`: optimizers.py count MODEL | generate OUTPUT | time MODEL OUTPUT. The last line printed is JSON."""
import json
import sys
import tempfile
import time

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper


def nodes(model):
    return sum(node.op_type != "Constant" for node in model.graph.node)


def count(path):
    import onnxruntime
    import onnxslim
    import onnxsim

    found = {"original": nodes(onnx.load(path)), "onnxslim": nodes(onnxslim.slim(onnx.load(path))), "onnxsim": nodes(onnxsim.simplify(onnx.load(path))[0])}
    with tempfile.NamedTemporaryFile(suffix=".onnx") as file:
        options = onnxruntime.SessionOptions()
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
        options.optimized_model_filepath = file.name
        onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        found["basic"] = nodes(onnx.load(file.name))
    return {"nodes": found}


def generate(path, layers=8, width=512, heads=8):
    """Attention layers as exporters write them: every Reshape by Shape, Gather, Unsqueeze and Concat."""
    rng = np.random.default_rng(0)
    made, constants = [], []

    def constant(name, value):
        constants.append(numpy_helper.from_array(value, name))
        return name

    def weight(name, *shape):
        return constant(name, rng.standard_normal(shape).astype(np.float32) * 0.02)

    for name, value in (("zero", 0), ("one", 1), ("axis", [0]), ("heads", [heads]), ("depth", [width // heads]), ("width", [width])):
        constant(name, np.array(value, np.int64))
    x = "x"
    for layer in range(layers):

        def op(kind, inputs, name, **attributes):
            made.append(helper.make_node(kind, inputs, [f"{layer}_{name}"], name=f"{layer}_{name}", **attributes))
            return f"{layer}_{name}"

        def reshaped(y, tail, name):
            shape = op("Shape", [y], f"shape_{name}")
            sizes = [op("Unsqueeze", [op("Gather", [shape, index], f"{index}_{name}", axis=0), "axis"], f"u{index}_{name}") for index in ("zero", "one")]
            return op("Reshape", [y, op("Concat", sizes + tail, f"target_{name}", axis=0)], f"reshaped_{name}")

        parts = []
        for part in "qkv":
            y = op("Add", [op("MatMul", [x, weight(f"{layer}_w{part}", width, width)], f"m{part}"), weight(f"{layer}_b{part}", width)], f"a{part}")
            y = op("Identity", [reshaped(y, ["heads", "depth"], part)], f"i{part}")
            parts.append(op("Transpose", [y], f"t{part}", perm=[0, 2, 3, 1] if part == "k" else [0, 2, 1, 3]))
        y = op("MatMul", [op("Softmax", [op("MatMul", parts[:2], "qk")], "soft", axis=-1), parts[2]], "mix")
        y = reshaped(op("Transpose", [y], "ta", perm=[0, 2, 1, 3]), ["width"], "o")
        x = op("Add", [op("MatMul", [y, weight(f"{layer}_wo", width, width)], "mo"), x], "r1")
        y = op("Relu", [op("MatMul", [x, weight(f"{layer}_w1", width, 4 * width)], "f1")], "relu")
        x = op("Add", [op("MatMul", [y, weight(f"{layer}_w2", 4 * width, width)], "f2"), x], "r2")
    shape = ["batch", "length", width]
    graph = helper.make_graph(made, "g", [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)], [helper.make_tensor_value_info(x, TensorProto.FLOAT, shape)], constants)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    return {"nodes": len(made)}


def timed(path, output):
    import onnxslim

    start = time.perf_counter()
    onnxslim.slim(path, output)
    return {"seconds": time.perf_counter() - start}


print(json.dumps({"count": count, "generate": generate, "time": timed}[sys.argv[1]](*sys.argv[2:])))
