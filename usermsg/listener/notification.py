# SPDX-License-Identifier: Apache-2.0
"""Notifications of other services, as the listener handles them."""

import dataclasses
import datetime


@dataclasses.dataclass(frozen=True, slots=True)
class Notification:
    """Parsed notification.

    :param message_id: of the sender; the same for a repeated delivery
    :param publisher_id: service and host, such as ``image.cloud1``
    :param priority: in upper case
    :param timestamp: time of the sender, an aware datetime
    :param payload: any JSON value
    :param context: request context without the prefix ``_context_``; it can
        contain secrets, and must not be stored or logged
    """

    message_id: str
    publisher_id: str
    event_type: str
    priority: str
    timestamp: datetime.datetime
    payload: object
    context: dict
