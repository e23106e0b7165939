"""One visual identity: colours, type and the way numbers are written.

Colours stay apart for the three common kinds of colour blindness and in grey print; text colours
reach 4.5 : 1 on white. The font is DejaVu Sans because matplotlib brings it along: a report looks
the same on every machine. Change a look here, and every figure, table and card follows.
"""

from __future__ import annotations

import math

INK = "#1b2129"  # text and axes that matter
MUTED = "#59636e"  # secondary text, 6 : 1 on white
RULE = "#d3d9df"  # hairlines
FAINT = "#eef1f4"  # fills behind data
PAPER = "#ffffff"
ACCENT = "#0b5e8a"  # the one accent: petrol
CONTRAST = "#b4530a"  # what opposes the accent: losses, alarms, the other side
SERIES = (ACCENT, CONTRAST, "#1b7a66", "#7d4a8c", MUTED)
MARKERS = ("o", "D", "s", "^", "v")  # a second channel beside colour
DIVERGING = ("#a3470a", "#dd8f52", "#f3ddc9", "#f7f7f6", "#cbe0ea", "#5ea3c4", "#0b5e8a")
PARTS = ("#073e5c", "#2f7fa8", "#84b9d3", "#c3d9e5", "#e2e6ea")  # of a whole: dark to pale, apart in grey print too
SEQUENTIAL = ("#f2f6f8", "#b9d3e0", "#5ea3c4", "#0b5e8a", "#073e5c")

WIDTH = 6.5  # inches; the report shows 105 CSS pixels an inch, so 11 pt text reads like body text
NARROW_WIDTH = 4.6  # inches; on a phone of 390 CSS pixels the smallest type is 12 of them high
BASE_PT = 11.0
SMALL_PT = 10.5  # nothing in a figure is smaller
DPI = 200  # two device pixels for one CSS pixel

RC = {
    "font.family": "DejaVu Sans",
    "font.size": BASE_PT,
    "text.color": INK,
    "figure.facecolor": PAPER,
    "figure.dpi": DPI,
    "savefig.facecolor": PAPER,
    "axes.facecolor": PAPER,
    "axes.edgecolor": RULE,
    "axes.linewidth": 0.8,
    "axes.labelcolor": MUTED,
    "axes.labelsize": SMALL_PT,
    "axes.labelpad": 7.0,
    "axes.titlesize": BASE_PT,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.titlepad": 8.0,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.grid": False,
    "grid.color": FAINT,
    "grid.linewidth": 1.0,
    "xtick.color": RULE,
    "ytick.color": RULE,
    "xtick.labelcolor": MUTED,
    "ytick.labelcolor": INK,
    "xtick.labelsize": SMALL_PT,
    "ytick.labelsize": SMALL_PT,
    "xtick.major.size": 0.0,
    "ytick.major.size": 0.0,
    "xtick.major.pad": 6.0,
    "ytick.major.pad": 8.0,
    "lines.linewidth": 1.8,
    "lines.markersize": 6.5,
    "hatch.color": "#b4bcc5",
    "hatch.linewidth": 0.8,
    "legend.frameon": False,
    "legend.fontsize": SMALL_PT,
    "svg.hashsalt": "exlink",
}

_SYMBOLS = {"EUR": "€", "USD": "$", "GBP": "£", "JPY": "¥"}
_MAGNITUDES = ((1e9, "billion"), (1e6, "million"))


def number(value: float | None, spec: str = ".2f") -> str:
    """Write a number for reading: a true minus sign, no signed zero, and ``–`` when it is missing.

    >>> number(-0.214, "+.2f"), number(float("nan")), number(-0.001, "+.2f")
    ('−0.21', '–', '0.00')
    """
    if value is None or math.isnan(value):
        return "–"
    text = format(value, spec)
    if not any(digit in text for digit in "123456789"):
        text = text.lstrip("+-")
    return text.replace("-", "−")


def interval(low: float | None, high: float | None, spec: str = ".2f") -> str:
    """Write an interval in words, ``0.05 to 0.19``, which no minus sign can garble."""
    if low is None or high is None or math.isnan(low) or math.isnan(high):
        return "–"
    return f"{number(low, spec)} to {number(high, spec)}"


def money(value: float | None, currency: str) -> str:
    r"""Write an amount with three significant digits and a word for its size.

    >>> money(1_234_567, "EUR"), money(-48_210, "EUR"), money(912, "SEK")
    ('€1.23\xa0million', '−€48,200', 'SEK\xa0912')
    """
    if value is None or math.isnan(value):
        return "–"
    rounded = float(f"{abs(value):.3g}")
    sign = "−" if value < 0 and rounded else ""
    symbol = _SYMBOLS.get(currency, f"{currency}\u00a0")
    for size, word in _MAGNITUDES:
        if rounded >= size:
            return f"{sign}{symbol}{rounded / size:.3g}\u00a0{word}"
    return f"{sign}{symbol}{rounded:,.0f}"


def on(fill: str | tuple) -> str:
    """Return the text colour that reaches 4.5 : 1 on a fill, by the relative luminance of WCAG 2."""
    from matplotlib.colors import to_rgb

    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(fill)]
    luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    if luminance < 0.179:  # where white and black contrast alike, 4.6 : 1
        return PAPER
    return "#000000" if luminance < 0.3 else INK


def tick(value: float, spec: str = "") -> str:
    """Write an axis tick short: ``40k``, ``1.5M``, and per cent where the values are shares.

    >>> tick(40_000), tick(-1_500_000), tick(0.25, ".1%"), tick(0.1 + 0.2)
    ('40k', '−1.5M', '25%', '0.3')
    """
    if spec.endswith("%"):
        return number(value, ".0%" if abs(value * 100 - round(value * 100)) < 1e-9 else ".1%")
    for from_size, unit, letter in ((1e9, 1e9, "bn"), (1e6, 1e6, "M"), (1e4, 1e3, "k")):
        if abs(value) >= from_size:
            return number(value / unit, ".3g") + letter
    return number(value, ",.0f" if abs(value) >= 1000 else ".3g")
