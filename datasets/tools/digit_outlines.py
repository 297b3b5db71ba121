"""Writes the outlines of the ten digits of some free fonts to one text file.

This made `crates/data/assets/digit_outlines.txt`, which the data set `quickstart` draws its
source domain from; it only has to run again to change the fonts. It needs the Python package
`fonttools` and, from Debian, the fonts:

    apt-get install fonts-dejavu-core fonts-lato fonts-open-sans fonts-comic-neue
    pip install fonttools
    python datasets/tools/digit_outlines.py /usr/share/fonts > crates/data/assets/digit_outlines.txt

Coordinates are the fonts' own: y upwards, `units` to the em.
"""

import sys
from pathlib import Path

from fontTools.pens.basePen import BasePen
from fontTools.ttLib import TTFont

FONTS = [
    ("DejaVu Sans", "Bitstream Vera licence", "truetype/dejavu/DejaVuSans.ttf"),
    ("DejaVu Serif", "Bitstream Vera licence", "truetype/dejavu/DejaVuSerif.ttf"),
    ("DejaVu Sans Mono", "Bitstream Vera licence", "truetype/dejavu/DejaVuSansMono.ttf"),
    ("Lato Regular", "SIL OFL 1.1", "truetype/lato/Lato-Regular.ttf"),
    ("Lato Bold", "SIL OFL 1.1", "truetype/lato/Lato-Bold.ttf"),
    ("Open Sans Regular", "Apache-2.0", "truetype/open-sans/OpenSans-Regular.ttf"),
    ("Open Sans Bold", "Apache-2.0", "truetype/open-sans/OpenSans-Bold.ttf"),
    ("Comic Neue Regular", "SIL OFL 1.1", "opentype/comic-neue/ComicNeue-Regular.otf"),
    ("Comic Neue Bold", "SIL OFL 1.1", "opentype/comic-neue/ComicNeue-Bold.otf"),
]

HEADER = """\
# Outlines of the digits 0-9 of some free fonts, made by datasets/tools/digit_outlines.py.
# Each font's outlines stay under its own licence, named beside it:
#   DejaVu: Copyright (c) 2003 Bitstream, Inc.; DejaVu changes are in the public domain.
#   Lato: Copyright (c) 2010-2014 by tyPoland Lukasz Dziedzic, SIL Open Font License 1.1.
#   Open Sans: digitized data copyright (c) 2010-2011 Google Corporation, Apache License 2.0.
#   Comic Neue: Copyright 2014 The Comic Neue Project Authors, SIL Open Font License 1.1.
# The licences are in the folder `licences` beside this file.
# A digit's line: commands M x y, L x y, Q x1 y1 x y, C x1 y1 x2 y2 x y, Z; y upwards."""


class CommandPen(BasePen):
    """Collects an outline as path commands of at most cubic curves."""

    def __init__(self, glyphs):
        super().__init__(glyphs)
        self.commands = []

    def add(self, letter, *points):
        numbers = [f"{round(value, 2):g}" for point in points for value in point]
        self.commands.append(" ".join([letter, *numbers]))

    def _moveTo(self, point):
        self.add("M", point)

    def _lineTo(self, point):
        self.add("L", point)

    def _qCurveToOne(self, control, point):
        self.add("Q", control, point)

    def _curveToOne(self, first, second, point):
        self.add("C", first, second, point)

    def _closePath(self):
        self.add("Z")


def main():
    root = Path(sys.argv[1])
    print(HEADER)
    for name, licence, path in FONTS:
        font = TTFont(root / path)
        glyphs = font.getGlyphSet()
        characters = font.getBestCmap()
        print(f"outlines from {name} | {licence} | units {font['head'].unitsPerEm}")
        for digit in "0123456789":
            pen = CommandPen(glyphs)
            glyphs[characters[ord(digit)]].draw(pen)
            print(f"{digit}: {' '.join(pen.commands)}")


if __name__ == "__main__":
    main()
