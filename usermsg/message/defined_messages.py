# SPDX-License-Identifier: Apache-2.0
"""The names under which a service refers to a permitted message."""

from usermsg.message import loader


class EventIds:
    """Event ids of whole messages.

    Messages made of an action and a detail are named by the ``Actions`` and
    ``Details`` of :mod:`usermsg.message.catalogues`.
    """

    UNKNOWN_ERROR = 'VOLUME_000001'
    UNABLE_TO_ALLOCATE = 'VOLUME_000002'
    ATTACH_READONLY_VOLUME = 'VOLUME_000003'
    IMAGE_FROM_VOLUME_OVER_QUOTA = 'VOLUME_000004'
    UNMANAGE_ENCRYPTED_VOLUME_UNSUPPORTED = 'VOLUME_000005'


def get_message_text(event_id):
    """The English text of a permitted message, without an overlay.

    :param event_id: whole (``VOLUME_000002``, or bare ``000002``) or
        composed (``VOLUME_VOLUME_001_003``)
    :raises usermsg.exception.NotPermitted: there is no such message
    """
    catalogue = loader.built_in()
    outcome = catalogue.outcome(event_id=event_id)
    return catalogue.describe(outcome.event_id).user_message
