# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Lines of text, drawn with fonts that Debian ships, and how characters are counted.

The fonts and texts of the test are none of those of training and validation.
"""

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont

FONTS = Path("/usr/share/fonts/truetype")
LICENCES = Path("/usr/share/common-licenses")
#: Fonts, texts and the random seed of each part.
PARTS = {
    "train": (("dejavu/DejaVuSans", "dejavu/DejaVuSans-Bold", "dejavu/DejaVuSerif", "dejavu/DejaVuSansMono",
               "dejavu/DejaVuSerif-Bold", "liberation/LiberationSans-Italic",
               "liberation/LiberationSerif-Regular", "liberation/LiberationSerif-Italic",
               "liberation/LiberationSans-Bold", "liberation/LiberationMono-Regular"),
              ("GPL-2", "GPL-3", "LGPL-2.1", "GFDL-1.3", "MPL-1.1"), 1),
    "validation": (("liberation/LiberationSans-Regular", "liberation/LiberationSansNarrow-Regular"),
                   ("LGPL-2", "Artistic"), 2),
    "test": (("lato/Lato-Regular", "lato/Lato-Bold", "lato/Lato-Italic", "freefont/FreeSerif",
              "freefont/FreeSans", "freefont/FreeMonoBold"),
             ("Apache-2.0", "MPL-2.0"), 3),
}
HEIGHT, WIDTH = 48, 192


class Lines:
    """An endless source of lines of one part; the same seed is the same lines."""

    def __init__(self, part, seed=0):
        fonts, texts, own = PARTS[part]
        self.random = np.random.default_rng((own, seed))
        self.fonts = [ImageFont.truetype(str(FONTS / f"{font}.ttf"), size) for font in fonts for size in (26, 30, 34)]
        self.words = " ".join((LICENCES / text).read_text(encoding="utf-8") for text in texts).split()
        self.words = [word for word in self.words if word.isascii() and word.isprintable()]

    def text(self, font):
        """Words in their order while they fit; one of five lines holds numbers instead."""
        random = self.random
        if random.random() < 0.2:
            letters = list("0123456789.,:-/%$#ABCDEFGHIJKLMNOPQRSTUVWXYZ")
            weights = np.array([4.0] * 10 + [1.0] * (len(letters) - 10))
            words = ["".join(random.choice(letters, random.integers(2, 9), p=weights / weights.sum()))
                     for _ in range(4)]
        else:
            at = int(random.integers(len(self.words) - 8))
            words = self.words[at:at + 8]
        line = words[0]
        for word in words[1:]:
            if font.getlength(f"{line} {word}") > WIDTH - 20:
                break
            line = f"{line} {word}"
        while len(line) > 1 and font.getlength(line) > WIDTH - 8:
            line = line[:-1]
        return line

    def line(self):
        """(picture [48, 192] of 0 ... 255, its text), clean."""
        font = self.fonts[self.random.integers(len(self.fonts))]
        line = self.text(font)
        image = Image.new("L", (WIDTH, HEIGHT), 255)
        box = font.getbbox(line)
        top = (HEIGHT - box[3] + box[1]) // 2 - box[1] + int(self.random.integers(-3, 4))
        ImageDraw.Draw(image).text((int(self.random.integers(2, 7)), top), line, fill=0, font=font)
        return image, line

    def soiled(self, image):
        """Dimmer, blurred and noisy, as a photograph is; [48, 192] of 0 ... 255."""
        random = self.random
        image = image.filter(ImageFilter.GaussianBlur(random.uniform(0, 1.2)))
        paper, ink = random.uniform(150, 255), random.uniform(0, 90)
        picture = ink + np.asarray(image, np.float32) / 255 * (paper - ink)
        return picture + random.normal(0, random.uniform(0, 20), picture.shape)

    def batch(self, count):
        """(clean [count, 3, 48, 192], soiled [count, 3, 48, 192], texts); values -1 ... 1."""
        clean, soiled, texts = [], [], []
        for _ in range(count):
            image, text = self.line()
            clean.append(np.asarray(image, np.float32))
            soiled.append(self.soiled(image))
            texts.append(text)
        return as_input(clean), as_input(soiled), texts


def as_input(pictures):
    """What the recogniser takes: three equal channels, -1 ... 1."""
    grey = np.clip(np.stack(pictures), 0, 255).astype(np.float32) / 127.5 - 1
    return np.repeat(grey[:, None], 3, 1)


class Alphabet:
    """Classes of the recogniser: 0 is the blank, then the keys, then the space."""

    def __init__(self, path):
        keys = Path(path).read_text(encoding="utf-8").split("\n")
        self.classes = ["", *(key for key in keys if key), " "]

    def read(self, best):
        """Text of the best classes [frames] by CTC's rule."""
        best = np.asarray(best)
        first = np.concatenate([[True], best[1:] != best[:-1]])
        return "".join(self.classes[c] for c in best[first & (best != 0)])

    def numbers(self, text):
        return [self.classes.index(c) for c in text]


def distance(one, other):
    """Edits that make one text the other."""
    row = list(range(len(other) + 1))
    for i, a in enumerate(one, 1):
        last, row[0] = row[0], i
        for j, b in enumerate(other, 1):
            last, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, last + (a != b))
    return row[-1]


def errors(read, expected):
    """(wrong characters, characters) by line, spaces ignored."""
    pairs = [(one.replace(" ", ""), other.replace(" ", "")) for one, other in zip(read, expected)]
    return [(distance(one, other), len(other)) for one, other in pairs]
