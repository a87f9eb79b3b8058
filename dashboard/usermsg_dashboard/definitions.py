# SPDX-License-Identifier: Apache-2.0
"""Cached catalogue of permitted messages, and the search in it.

The catalogue has thousands of entries and rarely changes. It is the same for
all users of a region, in each language.
"""

import dataclasses
import json
import re
import zlib

from django.core.cache import cache
from django.utils import translation
from openstack_dashboard.api import base

from usermsg_dashboard import cache_keys
from usermsg_dashboard import client

_MAX_AGE = 600

# Letters, in lower case, of scripts that separate words, and digits. Japanese
# doesn't, so its words match anywhere.
_LETTERS = '0-9a-z\u00df-\u052f'
_WORD_START = f'(?:(?<![{_LETTERS}])|(?![{_LETTERS}]))'


def read(request):
    """Return all permitted messages.

    :raises usermsg_dashboard.client.ERRORS: the catalogue can't be read
    """
    key = cache_keys.build(
        'definitions', base.url_for(request, client.SERVICE_TYPE),
        translation.get_language() or '',
        # Another version of the plug-in may have others.
        *(field.name for field in dataclasses.fields(client.Definition)))
    stored = cache.get(key)
    if stored is not None:
        return [client.Definition(**entry)
                for entry in json.loads(zlib.decompress(stored))]
    definitions = client.MessageClient(request).definitions(limit=1000)
    # Compressed, because memcached stores at most a megabyte.
    cache.set(key, zlib.compress(json.dumps([
        dataclasses.asdict(definition)
        for definition in definitions]).encode()), _MAX_AGE)
    return definitions


def search(definitions, words='', **values):
    """Return the permitted messages that contain all words.

    They match beginnings of words: ``no`` matches ``none``, not ``another``.
    The parts of an id, between underscores, are words.

    :param values: values that attributes must have
    """
    words = [re.compile(_WORD_START + re.escape(word))
             for word in words.casefold().split()]
    return [definition for definition in definitions
            if all(getattr(definition, name) == value
                   for name, value in values.items())
            and all(word.search(_text(definition)) for word in words)]


def _text(definition):
    return ' '.join((definition.id, definition.text,
                     definition.remedy or '')).casefold()
