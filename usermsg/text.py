# SPDX-License-Identifier: Apache-2.0
"""What others say, in a form that a log, a table or a terminal can hold."""


def line(text, longest):
    """A text in one line; what can't be printed is a blank."""
    return ''.join(letter if letter.isprintable() else ' '
                   for letter in text[:longest])


def short(value):
    """A value of any kind and any characters, in a few of ASCII."""
    return ascii(value)[:80].strip("'")
