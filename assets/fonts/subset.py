#!/usr/bin/env python3
"""Cuts Inter (rsms.me/inter, SIL OFL 1.1) to what the program shows, with tabular figures as the default ones.

The window's text layout cannot switch OpenType features on, so the figures of `tnum` are put in the character map.
usage: subset.py FOLDER_WITH_INTER_OTF   (Debian: the package fonts-inter); needs PyPI's fonttools
"""
import pathlib
import sys

from fontTools import subset
from fontTools.ttLib import TTFont

HERE = pathlib.Path(__file__).parent
RANGES = [(0x20, 0x7E), (0xA0, 0x17F), (0x391, 0x3C9), (0x2010, 0x2027), (0x2030, 0x203A), (0x2070, 0x209C),
          (0x2190, 0x2199), (0x2200, 0x2265), (0x25A0, 0x25CF), (0x2713, 0x2717), (0x20AC, 0x20AC)]

for weight in ("Regular", "SemiBold"):
    font = TTFont(pathlib.Path(sys.argv[1]) / f"Inter-{weight}.otf")
    gsub = font["GSUB"].table
    lookups = {i for record in gsub.FeatureList.FeatureRecord if record.FeatureTag == "tnum"
               for i in record.Feature.LookupListIndex}
    tabular = {}
    for i in lookups:
        for table in gsub.LookupList.Lookup[i].SubTable:
            tabular.update(getattr(getattr(table, "ExtSubTable", table), "mapping", {}))
    for table in font["cmap"].tables:
        for code, glyph in table.cmap.items():
            table.cmap[code] = tabular.get(glyph, glyph)
    options = subset.Options(layout_features=["kern", "mark", "mkmk", "ccmp"], name_IDs=["*"], hinting=False)
    cutter = subset.Subsetter(options)
    cutter.populate(unicodes=[c for low, high in RANGES for c in range(low, high + 1)])
    cutter.subset(font)
    font.save(HERE / f"Inter-{weight}.otf")
