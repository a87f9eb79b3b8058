# SPDX-License-Identifier: Apache-2.0
"""Choice of a language of the catalogue."""

import functools
import re

from webob import acceptparse

from usermsg.catalogue import catalogue

#: A locale name, as ``$LANG`` contains it: de_DE.UTF-8.
_LOCALE = re.compile(r'([A-Za-z]{2,8}(?:[_-][A-Za-z0-9]{1,8})*)[.@][\w.@-]+')


@functools.lru_cache(maxsize=256)
def choose(text, languages, default=catalogue.ENGLISH):
    """Return the best language for a value of Accept-Language.

    :param text: tags of RFC 4647 or names of locales, which may have a quality
    :param languages: available tags
    :param default: result if none of them is acceptable, or the value invalid
    """
    parsed = acceptparse.create_accept_language_header(
        _LOCALE.sub(r'\1', text).replace('_', '-'))
    return parsed.lookup(list(languages), default=default)
