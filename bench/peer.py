"""onnxruntime's own quantizer with its best known settings: peer.py static|percentile|entropy|defaults|dynamic MODEL CALIB.npz OUTPUT"""
import logging
import sys
import tempfile

import numpy as np
from onnxruntime.quantization import CalibrationDataReader, CalibrationMethod, QuantFormat, QuantType, quantize_dynamic, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process

logging.disable(logging.WARNING)
mode, model, calib, output = sys.argv[1:5]


class Reader(CalibrationDataReader):
    def __init__(self, path):
        arrays = np.load(path)
        names = [name for name in arrays.files if name != "labels"]
        count = len(arrays[names[0]])
        self.feeds = iter([{name: arrays[name][i : i + 1] for name in names} for i in range(count)])

    def get_next(self):
        return next(self.feeds, None)


if mode == "dynamic":
    quantize_dynamic(model, output, per_channel=True)
else:
    with tempfile.NamedTemporaryFile(suffix=".onnx") as prepared:
        quant_pre_process(model, prepared.name)
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
