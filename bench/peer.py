"""onnxruntime's own quantizer with its best known settings: peer.py static|percentile|entropy|defaults|dynamic MODEL CALIB.npz OUTPUT"""
import logging
import sys
import tempfile

import numpy as np
import onnx
import onnx.version_converter
from onnxruntime.quantization import CalibrationDataReader, CalibrationMethod, QuantFormat, QuantType, quantize_dynamic, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process

logging.disable(logging.WARNING)
mode, model, calib, output = sys.argv[1:5]


class Reader(CalibrationDataReader):
    def __init__(self, path):
        # Taken out of the archive once: it reads a whole array at every access.
        arrays = {name: array for name, array in np.load(path).items() if name != "labels"}
        names = list(arrays)
        count = len(arrays[names[0]])
        self.feeds = iter([{name: arrays[name][i : i + 1] for name in names} for i in range(count)])

    def get_next(self):
        return next(self.feeds, None)


def raised(path):
    """Scales per channel need operator set 13; without it the quantizer writes models that onnxruntime refuses."""
    model = onnx.load(path)
    own = next(entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx"))
    if mode == "defaults" or own >= 13:
        return path
    try:
        return onnx.version_converter.convert_version(model, 13)
    except Exception:  # as it is, then
        return path


with tempfile.NamedTemporaryFile(suffix=".onnx") as prepared:
    quant_pre_process(raised(model), prepared.name)
    if mode == "dynamic":
        quantize_dynamic(prepared.name, output, per_channel=True)
    else:
        if mode == "defaults":
            quantize_static(prepared.name, output, Reader(calib))
        else:
            # On CPUs without VNNI its weights must give up a bit, or the result is garbage.
            reduce_range = "vnni" not in open("/proc/cpuinfo").read() if sys.platform == "linux" else False
            methods = {"percentile": CalibrationMethod.Percentile, "entropy": CalibrationMethod.Entropy}
            quantize_static(
                prepared.name, output, Reader(calib), quant_format=QuantFormat.QDQ, activation_type=QuantType.QUInt8,
                weight_type=QuantType.QInt8, per_channel=True, reduce_range=reduce_range, calibrate_method=methods.get(mode, CalibrationMethod.MinMax),
            )
