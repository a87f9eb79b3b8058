# SPDX-License-Identifier: Apache-2.0
"""Encoding of the standard streams of a command."""


def escape_unencodable(*streams):
    """Make text streams escape characters that their encoding lacks.

    A locale may have another encoding than UTF-8, such as ASCII. An escape,
    such as ``\\xfc``, can be read; otherwise the command would fail.

    :param streams: text streams; None for those that are closed
    """
    for stream in filter(None, streams):
        stream.reconfigure(errors='backslashreplace')
