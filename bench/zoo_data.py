"""Calibration inputs with the structure of real ones: seeded arrays whose first axis is the sample."""
import numpy as np


def images(count, channels, size, seed):
    """Smooth colour fields with a few rectangles on them, about mean 0 and deviation 1: edges, flat parts and gradients."""
    rng = np.random.default_rng(seed)
    made = np.empty((count, channels, size, size), np.float32)
    for image in made:
        for channel in image:
            channel[:] = upsampled(rng.standard_normal((5, 5)), size)
        for _ in range(4):
            top, left = rng.integers(0, size - 8, 2)
            high, wide = rng.integers(4, size // 2, 2)
            image[:, top : top + high, left : left + wide] = rng.standard_normal((channels, 1, 1))
        image += 0.05 * rng.standard_normal(image.shape)
    return made


def upsampled(coarse, size):
    """Bilinear, to size × size."""
    place = np.linspace(0, len(coarse) - 1, size)
    down = np.stack([np.interp(place, range(len(coarse)), column) for column in coarse.T], 1)
    return np.stack([np.interp(place, range(len(coarse)), row) for row in down])


def sounds(count, length, seed):
    """A few tones that fade, with noise: [count, 1, length]."""
    rng = np.random.default_rng(seed)
    time = np.arange(length) / length
    made = [sum(rng.uniform(0.1, 1) * np.exp(-rng.uniform(0, 5) * time) * np.sin(rng.uniform(20, 900) * time + rng.uniform(0, 6)) for _ in range(5)) for _ in range(count)]
    return (np.array(made) + 0.02 * rng.standard_normal((count, length)))[:, None].astype(np.float32)


def spectrograms(count, bands, frames, seed):
    """Log energies that drift over time and bands: [count, 1, bands, frames]."""
    return images(count, 1, max(bands, frames), seed)[:, :, :bands, :frames].copy()


def series(count, steps, width, seed):
    """Walks that are pulled back to zero: [count, steps, width]."""
    rng = np.random.default_rng(seed)
    made = np.zeros((count, steps, width), np.float32)
    for step in range(1, steps):
        made[:, step] = 0.9 * made[:, step - 1] + 0.5 * rng.standard_normal((count, width))
    return made


def words(count, length, vocabulary, seed):
    """Word numbers by Zipf's law: [count, length]."""
    rng = np.random.default_rng(seed)
    weights = 1 / np.arange(1, vocabulary + 1)
    return rng.choice(vocabulary, (count, length), p=weights / weights.sum()).astype(np.int64)
