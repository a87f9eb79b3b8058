# SPDX-License-Identifier: Apache-2.0
"""Which release this is."""

import importlib.metadata


def installed():
    """As text, such as 1.2.0."""
    return importlib.metadata.version('usermsg')
