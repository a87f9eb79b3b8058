# SPDX-License-Identifier: Apache-2.0
"""Line chart with logarithmic axes, as SVG."""

import math
from xml.sax import saxutils

_WIDTH, _HEIGHT = 720, 420
_LEFT, _RIGHT, _TOP, _BOTTOM = 80, 150, 40, 60
#: They can be distinguished by people who don't see all colours, and the lines
#: have a name each.
_COLOURS = ('#0072b2', '#009e73', '#56b4e9', '#d55e00', '#cc79a7', '#000000')


def draw(title, x_title, lines):
    """Return an SVG document.

    :param lines: name -> a list of (x, y) pairs of positive numbers
    """
    points = [point for line in lines.values() for point in line]
    x_ticks = _decades([x for x, _y in points])
    y_ticks = _decades([y for _x, y in points])

    def place(x, y):
        return (
            _LEFT + (_WIDTH - _LEFT - _RIGHT) * _fraction(x, x_ticks),
            _HEIGHT - _BOTTOM -
            (_HEIGHT - _TOP - _BOTTOM) * _fraction(y, y_ticks))

    parts = [_text(_LEFT, 22, title, 'start', 15),
             _text((_LEFT + _WIDTH - _RIGHT) / 2, _HEIGHT - 14, x_title)]
    for x in x_ticks:
        column, bottom = place(x, y_ticks[0])
        parts += [_line(column, bottom, column, _TOP),
                  _text(column, bottom + 20, f'{x:,}')]
    for y in y_ticks:
        margin, level = place(x_ticks[0], y)
        parts += [_line(margin, level, _WIDTH - _RIGHT, level),
                  _text(margin - 8, level + 4, f'{y:,}', 'end')]
    labels = []
    for colour, (name, line) in zip(_COLOURS, lines.items()):
        places = [place(x, y) for x, y in line]
        path = ' '.join(f'{x:.1f},{y:.1f}' for x, y in places)
        parts.append(f'<polyline points="{path}" fill="none" '
                     f'stroke="{colour}" stroke-width="2"/>')
        parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>'
                  for x, y in places]
        labels.append((places[-1][1], name, colour))
    below = 0
    for level, name, colour in sorted(labels):
        # So that the names of close lines don't cover each other.
        below = max(level + 4, below + 15)
        parts.append(_text(_WIDTH - _RIGHT + 10, below, name, 'start',
                           colour=colour))
    return (f'<svg xmlns="http://www.w3.org/2000/svg" role="img" '
            f'viewBox="0 0 {_WIDTH} {_HEIGHT}" font-family="sans-serif">\n'
            f'<title>{saxutils.escape(title)}</title>\n'
            f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="#ffffff"/>\n' +
            '\n'.join(parts) + '\n</svg>\n')


def _decades(values):
    """Return the powers of ten that enclose the values."""
    return [10 ** exponent for exponent in range(
        math.floor(math.log10(min(values))),
        math.ceil(math.log10(max(values))) + 1)]


def _fraction(value, ticks):
    return math.log10(value / ticks[0]) / math.log10(ticks[-1] / ticks[0])


def _line(x1, y1, x2, y2):
    return (f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" '
            f'stroke="#cccccc"/>')


def _text(x, y, text, anchor='middle', size=12, colour='#333333'):
    return (f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" '
            f'font-size="{size}" fill="{colour}">{saxutils.escape(text)}'
            f'</text>')
