# SPDX-License-Identifier: Apache-2.0
"""Name of this host, in a form that can be stored and sent."""

import re
import socket

#: Maximum number of characters. Linux itself allows 64 bytes.
MAX_LENGTH = 200


def name():
    """Return the host name as printable ASCII without blanks.

    Other characters become question marks.
    """
    printable = re.sub('[^!-~]', '?', socket.gethostname())
    return printable[:MAX_LENGTH] or 'unnamed'
