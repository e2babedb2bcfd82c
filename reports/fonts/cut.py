#!/usr/bin/python3
"""Cuts the first face of reports from the variable file of Atkinson Hyperlegible Next, as the npm package
@fontsource-variable/atkinson-hyperlegible-next of web/ has it, with tabular figures. Wants the Debian packages
fonttools and python3-brotli. Run by: reports/fonts/cut.py
The others lie here as they came, but for gzip -9n: Noto of the npm packages @expo-google-fonts/noto-sans-arabic 0.4.3 and
noto-sans-devanagari 0.4.1 (regular 400, strong 600), DejaVu Sans 2.37 of github.com/go-fonts/dejavu."""
import gzip, os, tempfile
from fontTools import merge, subset
from fontTools.ttLib import TTFont
from fontTools.varLib import instancer

here = os.path.dirname(os.path.abspath(__file__))
files = os.path.join(here, "../../web/node_modules/@fontsource-variable/atkinson-hyperlegible-next/files")
for name, weight in (("regular", 400), ("strong", 640)):
    cut = []
    for part in ("latin", "latin-ext"):
        font = TTFont(os.path.join(files, f"atkinson-hyperlegible-next-{part}-wght-normal.woff2"))
        font = instancer.instantiateVariableFont(font, {"wght": weight})
        font.flavor = None
        if "GSUB" in font:  # figures of one width
            for feature in font["GSUB"].table.FeatureList.FeatureRecord:
                if feature.FeatureTag == "tnum":
                    for at in feature.Feature.LookupListIndex:
                        for table in font["GSUB"].table.LookupList.Lookup[at].SubTable:
                            table = getattr(table, "ExtSubTable", table)
                            for cmap in font["cmap"].tables:
                                cmap.cmap = {c: table.mapping.get(g, g) for c, g in cmap.cmap.items()}
        for table in ("GSUB", "GPOS", "GDEF", "STAT"):
            if table in font:
                del font[table]
        cut.append(tempfile.mktemp(suffix=".ttf"))
        font.save(cut[-1])
    whole = merge.Merger().merge(cut)
    options = subset.Options(hinting=False, notdef_outline=True, name_IDs=[0, 1, 2, 4, 5, 6, 13, 14], layout_features=[])
    cutter = subset.Subsetter(options)
    cutter.populate(unicodes=list(whole.getBestCmap()))
    cutter.subset(whole)
    whole["OS/2"].usWeightClass = weight
    with open(os.path.join(here, f"atkinson-next-{name}.ttf.gz"), "wb") as file:
        with gzip.GzipFile("", "wb", 9, file, 0) as packed:
            whole.save(packed)
    for path in cut:
        os.remove(path)
