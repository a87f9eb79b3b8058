# SPDX-License-Identifier: Apache-2.0
"""Errors of the delivery of notifications.

Drivers raise these and no others. The text names the driver, the host and the
reason; it never contains the payload or a password.
"""


class NotDelivered(Exception):
    """The notification was not confirmed; a later attempt may succeed.

    It may have arrived nevertheless: consumers recognize a duplicate by its
    ``message_id``.
    """


class Rejected(NotDelivered):
    """The notification itself was refused; another attempt would fail."""
