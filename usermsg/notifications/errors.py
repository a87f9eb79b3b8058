# SPDX-License-Identifier: Apache-2.0
"""What may go wrong with a notification on its way out.

Drivers raise these and nothing else. Their words say which driver, which host
and why; never what the notification holds, and no password.
"""


class NotDelivered(Exception):
    """Nobody has confirmed it. Sending it again later may help.

    It may have arrived all the same: its ``message_id`` tells.
    """


class Rejected(NotDelivered):
    """It was refused for what it is: sending it again would not help."""
