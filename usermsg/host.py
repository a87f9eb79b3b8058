# SPDX-License-Identifier: Apache-2.0
"""The name of this host, as it can be stored and sent."""

import re
import socket

#: Characters, at most. Linux itself allows 64 bytes.
LONGEST = 200


def name():
    """Printable ASCII without blanks, whatever the host is called."""
    return re.sub('[^!-~]', '?', socket.gethostname())[:LONGEST] or 'unnamed'
