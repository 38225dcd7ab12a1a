"""What each trained model is fed with. Each function takes the part, "pool" or "eval", and a count, and returns feeds."""
import random

import numpy as np
from PIL import Image

import render_text
import trained_sounds
import trained_texts

PADDING = 256
BLOCK, ENDS = 4096, 1024
CONTEXT, WINDOW = 64, 512


def digits(folder, colours, part, count):
    """Samples of the project's own digits, of which the two parts share none."""
    images = np.load(f"{folder}/digits-{colours}-{'calib' if part == 'pool' else 'eval'}.npz")["input"]
    return [{"input": image[None]} for image in images[:count]]


def drawn(draw, name):
    """Images that `render_text` draws: another random state for each part."""
    def feeds(part, count):
        rng = random.Random(f"{name} {part}")
        return [{"x": draw(rng)[None]} for _ in range(count)]

    return feeds


def recognition(rng):
    return render_text.recognition(rng)[0]


def direction(rng):
    return render_text.direction(rng)[0]


def page(rng):
    return render_text.page(rng)[0]


def page_by_half(rng):
    """A page for PP-OCRv6: by a mean and deviation of one half."""
    return ((_plain(page(rng)) - 0.5) / 0.5).astype(np.float32)


def orientation(rng):
    """The middle of a page, turned by a multiple of a right angle."""
    pixels = np.rot90(_plain(page(rng)).transpose(1, 2, 0), rng.randrange(4))
    image = Image.fromarray((pixels[:, :, ::-1].clip(0, 1) * 255).astype(np.uint8)).resize((256, 256), Image.BILINEAR)
    middle = np.asarray(image.crop((16, 16, 240, 240)), np.float32) / 255
    return ((middle - render_text.MEAN) / render_text.DEVIATION).transpose(2, 0, 1).astype(np.float32)


def _plain(pixels):
    """Pixels of 0 to 1, in the order blue, green, red."""
    return pixels * render_text.DEVIATION[::-1, None, None] + render_text.MEAN[::-1, None, None]


def file_types(roots):
    """Both ends of files, as Magika takes them."""
    def feeds(part, count):
        paths = trained_texts.files(count, roots, seed=f"files {part}") if part == "pool" else _others(count, roots)
        return [{"bytes": _ends(path)[None]} for path in paths]

    return feeds


def _others(count, roots):
    calibrating = set(trained_texts.files(count, roots, seed="files pool"))
    found = trained_texts.files(3 * count, roots, seed="files eval")
    return [path for path in found if path not in calibrating][:count]


def _ends(path):
    with open(path, "rb") as file:
        content = file.read()
    first, last = content[:BLOCK].lstrip()[:ENDS], content[-BLOCK:].rstrip()[-ENDS:]
    pad = lambda data: [PADDING] * (ENDS - len(data))
    return np.array([*first, *pad(first), *pad(last), *last], np.int32)


def sounds(make, seconds, rate, name, shape, **constants):
    def feeds(part, count):
        start = 0 if part == "pool" else 100_000
        shared = {key: np.array(value) for key, value in constants.items()}
        return [{name: make(start + k, seconds, rate).reshape(shape), **shared} for k in range(count)]

    return feeds


def voice_windows(session):
    """Windows of speech with the state that the model itself had there: one of each recording."""
    def feeds(part, count):
        taken, rng = [], random.Random(f"voice {part}")
        for k in range(count):
            sound = trained_sounds.speech((0 if part == "pool" else 100_000) + k, 1.5, 16000)
            state, at = np.zeros((2, 1, 128), np.float32), rng.randrange(3, 40)
            for window in range(1, at + 1):
                start = window * WINDOW
                feed = {"input": sound[None, start - CONTEXT : start + WINDOW], "state": state, "sr": np.array(16000, np.int64)}
                state = session.run(["stateN"], feed)[0]
            taken.append(feed)
        return taken

    return feeds


def voice_spectra(part, count):
    """Logarithmic spectra of speech for PLCMOS, with a made-up listener."""
    window, taken = np.hamming(513)[:-1], []
    for k in range(count):
        seed = (0 if part == "pool" else 100_000) + k
        sound = trained_sounds.speech(seed, 3, 16000)
        frames = np.lib.stride_tricks.sliding_window_view(np.pad(sound, 256), 512)[::256] * window
        spectra = np.log(np.maximum(np.abs(np.fft.rfft(frames)) ** 2, 1e-12)) / 20
        listener = np.random.default_rng(seed).normal(size=(1, 64))
        taken.append({"degraded_audio": spectra[None, None].astype(np.float32), "rater_embed": listener.astype(np.float32)})
    return taken
