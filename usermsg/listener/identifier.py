# SPDX-License-Identifier: Apache-2.0
"""Identifiers in notifications: absent, valid, or not storable."""

from usermsg import exception
from usermsg import validation

#: Values of services for "no value"; 'None' is Python's text of it.
ABSENT = (None, '', 'None')


class Unusable(Exception):
    """Notification without a message: an id is missing or not storable."""


def required(path, document, max_length):
    """Return the identifier at a path.

    :raises Unusable: it is absent or not storable
    """
    value = path.evaluate(document)
    if value in ABSENT:
        raise Unusable()
    return _check(value, max_length)


def optional(path, document, max_length):
    """Return the identifier at a path, None if absent or not storable."""
    if path is None:
        return None
    value = path.evaluate(document)
    try:
        return None if value in ABSENT else _check(value, max_length)
    except Unusable:
        return None


def resource(value):
    """Return the id of a resource, None if it is absent.

    :raises Unusable: it is not storable; a message without it would seem to
        concern no single resource
    """
    return (None if value in ABSENT else
            _check(value, validation.RESOURCE_UUID))


def _check(value, max_length):
    try:
        return validation.identifier('id', value, max_length)
    except exception.InvalidInput:
        raise Unusable() from None
