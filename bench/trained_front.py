"""Where a model decides: the tensor in front of the last Softmax, LogSoftmax, Sigmoid or ArgMax that an output comes from.

Found by structure alone, as the compressed model has other names: backwards from the output, through all that is no layer,
to the first of those operators in order of computation. Behind them errors hide in saturation.
"""
from collections import deque

import onnx

DECISIONS = {"Softmax", "LogSoftmax", "ArgMax", "Sigmoid"}
LAYERS = {"Conv", "ConvTranspose", "MatMul", "Gemm", "LSTM", "GRU", "RNN", "MatMulInteger", "ConvInteger", "QLinearConv",
          "QLinearMatMul", "DynamicQuantizeMatMul", "MatMulIntegerToFloat", "DynamicQuantizeLSTM", "MatMulNBits"}
FARTHEST = 24


def fronts(model):
    """{output: (operator, axis, tensor in front)} of the outputs that end in a decision."""
    producers = _producers(model.graph)
    outer = {name for node in model.graph.node for name in node.output}
    found = {output.name: _front(output.name, producers, model) for output in model.graph.output}
    return {name: front for name, front in found.items() if front and front[2] in outer}


def with_outputs(model, names):
    """A copy that returns these tensors, too."""
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    declared = {output.name for output in copy.graph.output}
    copy.graph.output.extend(onnx.ValueInfoProto(name=name) for name in dict.fromkeys(names) if name not in declared)
    return copy


def _producers(graph):
    """Nodes by the tensors that they make; the outputs of an If, by those of its branches."""
    producers = {}
    for node in graph.node:
        producers.update((name, node) for name in node.output if name)
        for attribute in node.attribute:
            if attribute.type == onnx.AttributeProto.GRAPH:
                producers.update(_producers(attribute.g))
    return producers


def _front(output, producers, model):
    queue, seen, last = deque([(output, 0)]), set(), None
    while queue:
        name, depth = queue.popleft()
        node = producers.get(name)
        if node is None or name in seen or depth > FARTHEST or node.op_type in LAYERS:
            continue
        seen.add(name)
        decision = _decision(node, producers, model)
        last = decision or last
        if not decision:
            queue.extend((source, depth + 1) for source in _sources(node, name))
    return last


def _sources(node, name):
    """What the values of a tensor come from: not the condition that chooses among them."""
    if node.op_type == "If":
        position = list(node.output).index(name)
        return [attribute.g.output[position].name for attribute in node.attribute]
    return [source for source in node.input[1 if node.op_type == "Where" else 0 :] if source]


def _decision(node, producers, model):
    if node.op_type in DECISIONS:
        return node.op_type, _axis(node, model), node.input[0]
    # A Softmax in parts: exp(x - max(x)), over a sum.
    if node.op_type != "Exp":
        return None
    shifted = producers.get(node.input[0])
    if shifted is None or shifted.op_type != "Sub":
        return None
    return ("Softmax", -1, shifted.input[0]) if _is_maximum(shifted.input[1], producers) else None


def _is_maximum(name, producers):
    for _ in range(FARTHEST):
        node = producers.get(name)
        if node is None:
            return False
        if node.op_type == "ReduceMax":
            return True
        name = next((source for source in node.input if source in producers), None)
    return False


def _axis(node, model):
    given = next((attribute.i for attribute in node.attribute if attribute.name == "axis"), None)
    opset = next(entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx"))
    return given if given is not None else 0 if node.op_type == "ArgMax" else 1 if opset < 13 else -1
