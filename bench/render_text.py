"""Text as the PP-OCRv4 models see it, rendered with the fonts of this machine: render_text.py OUTPUT_FOLDER

Writes rec, cls and det data: NAME-calib.npz without labels, NAME-eval.npz with NAME-eval.json beside it. The two never
share a random draw. Preprocessing is PaddleOCR's: BGR, lines of height 48, (x / 255 - 0.5) / 0.5; pages by ImageNet's
mean and deviation.
"""
import glob
import json
import os
import random
import string
import sys

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont

FONTS = sorted(f for f in glob.glob("/usr/share/fonts/**/*.ttf", recursive=True) if not any(s in f for s in ("Math", "ExtraLight")))
WORDS = """the of and to in is was for that with from this edge model small fast network weight layer signal noise invoice total
amount date street number phone order page price table report error station train ticket office garden winter summer city river""".split()
MEAN, DEVIATION = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])


def text(rng):
    kind = rng.random()
    if kind < 0.6:
        words = [rng.choice(WORDS) for _ in range(rng.randint(1, 3))]
        return " ".join(w.capitalize() if rng.random() < 0.4 else w.upper() if rng.random() < 0.15 else w for w in words)
    if kind < 0.8:
        return f"{rng.choice(WORDS).capitalize()}: {rng.randint(0, 99999)}"
    return "".join(rng.choice(string.ascii_letters + string.digits) for _ in range(rng.randint(5, 12)))


def colours(rng):
    ground = rng.randint(150, 255)
    ink = rng.randint(0, 90)
    if rng.random() < 0.25:
        ground, ink = ink, ground
    tint = lambda v: tuple(max(0, min(255, v + rng.randint(-25, 25))) for _ in range(3))
    return tint(ground), tint(ink)


def degrade(image, rng):
    if rng.random() < 0.5:
        image = image.filter(ImageFilter.GaussianBlur(rng.uniform(0.2, 1.0)))
    noise = np.random.default_rng(rng.getrandbits(32)).normal(0, rng.uniform(1, 10), (image.height, image.width, 3))
    return np.clip(np.asarray(image, np.float32) + noise, 0, 255)


def line(content, rng, height=48, width=320):
    ground, ink = colours(rng)
    font = ImageFont.truetype(rng.choice(FONTS), rng.randint(26, 36))
    left, top, right, bottom = font.getbbox(content)
    canvas = Image.new("RGB", (right - left + 16, height), ground)
    ImageDraw.Draw(canvas).text((8 - left, (height - (bottom - top)) // 2 - top), content, ink, font)
    canvas = canvas.rotate(rng.uniform(-1.5, 1.5), Image.BILINEAR, fillcolor=ground)
    canvas = canvas.resize((min(width, canvas.width), height), Image.BILINEAR)
    pixels = (degrade(canvas, rng)[:, :, ::-1] / 255 - 0.5) / 0.5
    padded = np.zeros((3, height, width), np.float32)
    padded[:, :, : canvas.width] = pixels.transpose(2, 0, 1)
    return padded


def page(rng, size=480):
    ground, ink = colours(rng)
    canvas = Image.new("RGB", (size, size), ground)
    mask = Image.new("L", (size // 4, size // 4), 0)
    y = rng.randint(8, 40)
    while y < size - 50:
        font = ImageFont.truetype(rng.choice(FONTS), rng.randint(16, 34))
        content, x = text(rng), rng.randint(8, 120)
        left, top, right, bottom = font.getbbox(content)
        ImageDraw.Draw(canvas).text((x, y), content, ink, font)
        box = [(x + left) / 4, (y + top) / 4, min(size, x + right) / 4, (y + bottom) / 4]
        ImageDraw.Draw(mask).rectangle(box, fill=1)
        y += bottom + rng.randint(12, 60)
    pixels = (degrade(canvas, rng)[:, :, ::-1] / 255 - MEAN[::-1]) / DEVIATION[::-1]
    return pixels.transpose(2, 0, 1).astype(np.float32), np.flatnonzero(np.asarray(mask)).tolist()


def turned(image, rng):
    upside_down = rng.random() < 0.5
    return (np.ascontiguousarray(image[:, ::-1, ::-1]) if upside_down else image), int(upside_down)


def recognition(rng):
    content = text(rng)
    return line(content, rng), content


def direction(rng):
    return turned(line(text(rng), rng, width=192), rng)


def main(folder):
    os.makedirs(folder, exist_ok=True)
    for name, draw, counts in (("rec", recognition, (100, 200)), ("cls", direction, (100, 300)), ("det", page, (32, 24))):
        for part, count in zip(("calib", "eval"), counts):
            rng = random.Random(f"{name} {part}")
            samples = [draw(rng) for _ in range(count)]
            np.savez(os.path.join(folder, f"{name}-{part}.npz"), x=np.stack([image for image, _ in samples]))
            if part == "eval":
                with open(os.path.join(folder, f"{name}-eval.json"), "w") as out:
                    json.dump([label for _, label in samples], out)


if __name__ == "__main__":
    main(sys.argv[1])
