"""Sounds for trained models, made up from a seed: speech-like syllables and played notes. Numpy alone."""
import numpy as np

# First three formants of some vowels, Hz.
VOWELS = ((730, 1090, 2440), (270, 2290, 3010), (300, 870, 2240), (530, 1840, 2480), (570, 840, 2410), (660, 1720, 2410))
LEVELS_DB = (0, 40)


def speech(seed, seconds, rate):
    """Voiced syllables with a gliding pitch, hisses and pauses, in noise of 0 to 40 dB below."""
    rng = np.random.default_rng(seed)
    length, parts, total = int(seconds * rate), [], 0
    pitch = rng.uniform(85, 240)
    while total < length:
        duration, kind = int(rng.uniform(0.06, 0.3) * rate), rng.random()
        part = _voiced(rng, duration, rate, pitch) if kind < 0.65 else _hiss(rng, duration) if kind < 0.8 else np.zeros(duration)
        parts.append(part)
        total += duration
    return _in_noise(rng, np.concatenate(parts)[:length])


def music(seed, seconds, rate):
    """Notes of decaying harmonics, alone and in chords, in little noise."""
    rng = np.random.default_rng(seed)
    length = int(seconds * rate)
    signal = np.zeros(length)
    for _ in range(rng.integers(3, 12)):
        start, frequency = rng.integers(0, length - rate // 5), 440 * 2 ** ((rng.integers(36, 85) - 69) / 12)
        time = np.arange(min(length - start, int(rng.uniform(0.2, 1.5) * rate))) / rate
        harmonics = np.arange(1, max(2, min(12, int(rate / 2 / frequency))))[:, None]
        strengths = harmonics ** -rng.uniform(0.8, 2.0)
        tone = (strengths * np.sin(2 * np.pi * frequency * harmonics * time)).sum(0)
        signal[start : start + len(time)] += rng.uniform(0.3, 1) * tone * np.exp(-time * rng.uniform(1, 6)) * np.minimum(1, time * 100)
    return _in_noise(rng, signal, (20, 60))


def _voiced(rng, duration, rate, pitch):
    glide = pitch * rng.uniform(0.85, 1.2) * np.linspace(1, rng.uniform(0.85, 1.15), duration)
    phase = 2 * np.pi * np.cumsum(glide) / rate
    harmonics = np.arange(1, int(min(5000, rate / 2.2) / glide.max()))[:, None]
    frequencies = harmonics * glide.mean()
    formants = VOWELS[rng.integers(len(VOWELS))]
    strengths = sum(1 / (1 + ((frequencies - f) / (60 + f / 20)) ** 2) / (k + 1) for k, f in enumerate(formants))
    return _swell(duration) * (strengths * np.sin(harmonics * phase)).sum(0)


def _hiss(rng, duration):
    return _swell(duration) * 0.3 * np.diff(rng.normal(0, 1, duration + 1))


def _swell(duration):
    return np.sin(np.linspace(0, np.pi, duration)) ** 0.5


def _in_noise(rng, signal, levels=LEVELS_DB):
    signal = signal / (np.abs(signal).max() + 1e-9)
    noise = rng.normal(0, np.sqrt((signal**2).mean()) * 10 ** (-rng.uniform(*levels) / 20), len(signal))
    return (rng.uniform(0.1, 0.7) * (signal + noise) / 1.5).clip(-1, 1).astype(np.float32)
