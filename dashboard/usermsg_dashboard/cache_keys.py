# SPDX-License-Identifier: Apache-2.0
"""Keys of Django's cache."""

import hashlib


def build(*parts):
    """Return a key for texts, which may contain any characters."""
    digest = hashlib.sha256('\0'.join(parts).encode()).hexdigest()
    return f'usermsg-{digest}'
