# SPDX-License-Identifier: Apache-2.0
"""Names by which services refer to permitted messages."""

from usermsg.catalogue.catalogues import volume
from usermsg.catalogue import loader


#: Event ids of whole messages; see the catalogue.
EventIds = volume.EventIds


def get_message_text(event_id):
    """Return the English text of a permitted message, without an overlay.

    :param event_id: whole (``VOLUME_000002``, or bare ``000002``) or
        composed (``VOLUME_VOLUME_001_003``)
    :raises usermsg.exception.NotPermitted: the catalogue has no such message
    """
    catalogue = loader.built_in()
    event = catalogue.resolve(event_id=event_id)
    return catalogue.describe(event.event_id).user_message
