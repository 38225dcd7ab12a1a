"""A residual network of 18 layers at 224 x 224 (6.6 million weights, 25 MB) and 100 images: make-resnet.py MODEL CALIB.npz

He et al., "Deep Residual Learning for Image Recognition" (2016), at three quarters of its width. Weights are random and
seeded; batch normalization holds the means and variances of the images themselves, as after training.
"""
import sys

import numpy as np
import torch
from torch import nn

WIDTHS = (48, 96, 192, 384)
IMAGES = 100
SIZE = 224


class Block(nn.Module):
    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.body = nn.Sequential(convolution(inputs, outputs, 3, stride), nn.ReLU(), convolution(outputs, outputs, 3, 1))
        self.skip = nn.Identity() if stride == 1 and inputs == outputs else convolution(inputs, outputs, 1, stride)

    def forward(self, x):
        return torch.relu(self.body(x) + self.skip(x))


def convolution(inputs, outputs, kernel, stride):
    norm = nn.BatchNorm2d(outputs, momentum=None)
    nn.init.uniform_(norm.weight, 0.5, 1.5)
    nn.init.normal_(norm.bias, 0, 0.2)
    return nn.Sequential(nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False), norm)


def network():
    blocks, channels = [], WIDTHS[0]
    for stage, width in enumerate(WIDTHS):
        blocks += [Block(channels, width, 1 if stage == 0 else 2), Block(width, width, 1)]
        channels = width
    stem = [convolution(3, WIDTHS[0], 7, 2), nn.ReLU(), nn.MaxPool2d(3, 2, 1)]
    return nn.Sequential(*stem, *blocks, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, 1000))


def images(random):
    """Sums of a few waves and boxes of colour, with a little noise: smooth, with edges, as photographs are."""
    y, x = np.mgrid[0:SIZE, 0:SIZE] / SIZE
    for _ in range(IMAGES):
        image = np.zeros((3, SIZE, SIZE))
        for _ in range(6):
            fx, fy, phase = random.uniform(-6, 6, 2).tolist() + [random.uniform(0, 6.3)]
            image += random.normal(0, 0.5, (3, 1, 1)) * np.sin(6.283 * (fx * x + fy * y) + phase)
        for _ in range(8):
            left, top, width, height = random.integers(0, SIZE - 16), random.integers(0, SIZE - 16), *random.integers(8, 96, 2)
            image[:, top : top + height, left : left + width] += random.normal(0, 0.8, (3, 1, 1))
        yield (image + random.normal(0, 0.05, image.shape)).astype(np.float32)


def main(model_path, calib_path):
    torch.manual_seed(1)
    data = np.stack(list(images(np.random.default_rng(1))))
    model = network()
    with torch.no_grad():
        model.train()(torch.from_numpy(data[:16]))
    example = torch.from_numpy(data[:1])
    torch.onnx.export(
        model.eval(), (example,), model_path, opset_version=17, dynamo=False, input_names=["image"], output_names=["logits"],
        dynamic_axes={"image": {0: "n"}, "logits": {0: "n"}},
    )
    np.savez(calib_path, image=data)


main(*sys.argv[1:3])
