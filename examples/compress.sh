#!/bin/sh
# Compresses a network that comes with edgec, and fails if it lost more than one point of accuracy.
# Usage: sh examples/compress.sh [folder for the output]
set -eu
here=$(cd "$(dirname "$0")/.." && pwd)
out=${1:-.}
digits=$here/fixtures/digits/digits-rgb32

# In a project of your own: npx edgec compress …
node "$here/bin/edgec.js" compress "$here/fixtures/models/lenet.onnx" \
  --prune 0.8 --cluster 16 --calib "$digits-calib.npz" \
  --eval "$digits-eval.npz" --max-drop 0.01 \
  -o "$out/lenet.small.onnx" --force \
  --report "$out/lenet.json" --report "$out/lenet.md"
