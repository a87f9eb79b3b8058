# SPDX-License-Identifier: Apache-2.0
"""The names under which a service refers to a permitted message."""

from usermsg.catalogue.catalogues import volume
from usermsg.catalogue import loader


#: Event ids of whole messages: see the catalogue.
EventIds = volume.EventIds


def get_message_text(event_id):
    """The English text of a permitted message, without an overlay.

    :param event_id: whole (``VOLUME_000002``, or bare ``000002``) or
        composed (``VOLUME_VOLUME_001_003``)
    :raises usermsg.exception.NotPermitted: there is no such message
    """
    catalogue = loader.built_in()
    outcome = catalogue.resolve(event_id=event_id)
    return catalogue.describe(outcome.event_id).user_message
