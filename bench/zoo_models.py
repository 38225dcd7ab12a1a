"""Small networks of kinds that torchvision does not have, and its own with weights that let signals through."""
import torch
import torchvision
from torch import nn


def vision(name, size=128, **options):
    model = getattr(torchvision.models, name)(weights=None, **options)
    for part in model.modules():
        # What training does to them: a new ConvNeXt's blocks and a new ViT's head would otherwise give next to nothing.
        if hasattr(part, "layer_scale"):
            nn.init.uniform_(part.layer_scale, 0.1, 0.5)
        if isinstance(part, nn.Linear):
            nn.init.xavier_normal_(part.weight)
    return model


def small_vit(size=96):
    model = torchvision.models.VisionTransformer(image_size=size, patch_size=16, num_layers=4, num_heads=4, hidden_dim=192, mlp_dim=768, num_classes=100)
    nn.init.xavier_normal_(model.heads.head.weight)
    return model


def block(inputs, outputs, stride=1, groups=1, kernel=3):
    return nn.Sequential(nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False), nn.BatchNorm2d(outputs), nn.ReLU())


class UNet(nn.Module):
    """Down by max pooling, up by bilinear Resize at one level and by transposed convolution at the other, with skips."""

    def __init__(self):
        super().__init__()
        self.first, self.second, self.bottom = block(3, 24), block(24, 48), block(48, 96)
        self.grow = nn.ConvTranspose2d(96, 48, 2, 2)
        self.third, self.fourth, self.head = block(96, 48), block(72, 24), nn.Conv2d(24, 5, 1)

    def forward(self, x):
        a = self.first(x)
        b = self.second(nn.functional.max_pool2d(a, 2))
        c = self.grow(self.bottom(nn.functional.max_pool2d(b, 2)))
        d = self.third(torch.cat([c, b], 1))
        d = nn.functional.interpolate(d, scale_factor=2.0, mode="bilinear", align_corners=False)
        return self.head(self.fourth(torch.cat([d, a], 1)))


class Autoencoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.encode = nn.Sequential(block(3, 32, 2), block(32, 64, 2), block(64, 64, 2))
        grow = lambda i, o: nn.Sequential(nn.ConvTranspose2d(i, o, 4, 2, 1), nn.BatchNorm2d(o), nn.LeakyReLU(0.1))
        self.decode = nn.Sequential(grow(64, 64), grow(64, 32), nn.ConvTranspose2d(32, 3, 4, 2, 1), nn.Tanh())

    def forward(self, x):
        return self.decode(self.encode(x))


class AudioNet(nn.Module):
    """One-dimensional convolutions over the samples of a sound."""

    def __init__(self):
        super().__init__()
        layer = lambda i, o, k, s: nn.Sequential(nn.Conv1d(i, o, k, s, bias=False), nn.BatchNorm1d(o), nn.ReLU(), nn.MaxPool1d(2))
        self.layers = nn.Sequential(layer(1, 32, 80, 4), layer(32, 64, 3, 1), layer(64, 128, 3, 1))
        self.head = nn.Linear(128, 12)

    def forward(self, x):
        return nn.functional.log_softmax(self.head(self.layers(x).mean(-1)), -1)


class KeywordNet(nn.Module):
    """Depthwise-separable convolutions over a spectrogram (DS-CNN, Zhang et al. 2017)."""

    def __init__(self):
        super().__init__()
        separable = [layer for _ in range(4) for layer in (block(64, 64, groups=64), block(64, 64, kernel=1))]
        self.layers = nn.Sequential(nn.Conv2d(1, 64, (10, 4), 2, (5, 1), bias=False), nn.BatchNorm2d(64), nn.ReLU(), *separable, nn.AdaptiveAvgPool2d(1), nn.Flatten())
        self.head = nn.Linear(64, 12)

    def forward(self, x):
        return self.head(self.layers(x))


class Tagger(nn.Module):
    """One tag for each word: embedding, recurrent layers in both directions, linear layer."""

    def __init__(self, kind, layers=1):
        super().__init__()
        self.embedding = nn.Embedding(2000, 96)
        self.recurrent = getattr(nn, kind)(96, 128, layers, batch_first=True, bidirectional=True)
        self.head = nn.Linear(256, 20)

    def forward(self, words):
        return self.head(self.recurrent(self.embedding(words))[0])


class Forecaster(nn.Module):
    """The state after the last step of a series."""

    def __init__(self, kind):
        super().__init__()
        self.recurrent = getattr(nn, kind)(16, 128, batch_first=True)
        self.head = nn.Sequential(nn.Linear(128, 64), nn.ReLU(), nn.Linear(64, 4))

    def forward(self, x):
        return self.head(self.recurrent(x)[0][:, -1])


class TextEncoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(2000, 128)
        self.encoder = nn.TransformerEncoder(nn.TransformerEncoderLayer(128, 4, 512, batch_first=True, activation="gelu"), 3, enable_nested_tensor=False)
        self.head = nn.Linear(128, 10)

    def forward(self, words):
        return self.head(self.encoder(self.embedding(words)).mean(1))


class LoopNet(nn.Module):
    """A loop over the steps with a layer in it, as torch.jit.script keeps it: ONNX Loop."""

    def __init__(self):
        super().__init__()
        self.step, self.head = nn.Linear(16 + 64, 64), nn.Linear(64, 8)

    def forward(self, x):
        state = torch.zeros(x.size(0), 64)
        for t in range(x.size(1)):
            state = torch.tanh(self.step(torch.cat([x[:, t], state], 1)))
        return self.head(state)


class BranchNet(nn.Module):
    """One of two convolutions, chosen by the data: ONNX If."""

    def __init__(self):
        super().__init__()
        self.first, self.fine, self.coarse, self.head = block(3, 16), nn.Conv2d(16, 32, 3, padding=1), nn.Conv2d(16, 32, 5, padding=2), nn.Conv2d(32, 8, 1)

    def forward(self, x):
        y = self.first(x)
        if bool(x.mean() > 0):
            y = torch.relu(self.fine(y))
        else:
            y = torch.relu(self.coarse(y))
        return self.head(y)


class Detector(nn.Module):
    """Boxes and scores on a grid, the best of which non-maximum suppression keeps: their number depends on the image."""

    def __init__(self, grid=16):
        super().__init__()
        self.body = nn.Sequential(block(3, 32, 2), block(32, 64, 2), block(64, 64, 2))
        self.boxes, self.scores, self.grid = nn.Conv2d(64, 4, 1), nn.Conv2d(64, 1, 1), grid

    def forward(self, x):
        y = self.body(x)
        size = torch.sigmoid(self.boxes(y))[0].flatten(1).t() * 24 + 4
        place = torch.arange(self.grid, dtype=x.dtype) * 8
        centre = torch.stack(torch.meshgrid(place, place, indexing="xy"), -1).reshape(-1, 2)
        boxes = torch.cat([centre - size[:, :2], centre + size[:, 2:]], 1)
        scores = torch.sigmoid(self.scores(y))[0].flatten()
        kept = torchvision.ops.nms(boxes, scores, 0.5)
        return boxes[kept], scores[kept]
