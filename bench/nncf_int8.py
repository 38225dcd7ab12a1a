"""NNCF's int8 of an ONNX model: nncf_int8.py MODEL CALIB.npy OUTPUT"""
import sys

import nncf
import numpy as np
import onnx

path, calib, output = sys.argv[1:4]
samples = np.load(calib)
model = onnx.load(path)
name = model.graph.input[0].name
data = nncf.Dataset([samples[i : i + 1] for i in range(len(samples))], lambda sample: {name: sample})
onnx.save(nncf.quantize(model, data, subset_size=len(samples)), output)
