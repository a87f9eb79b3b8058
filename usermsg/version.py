# SPDX-License-Identifier: Apache-2.0
"""Version of the installed release."""

import importlib.metadata


def installed():
    """Return the version as a string, such as 1.2.0."""
    return importlib.metadata.version('usermsg')
