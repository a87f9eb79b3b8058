# SPDX-License-Identifier: Apache-2.0
"""Message ids: UUIDs of version 7 (RFC 9562) with microseconds.

The order of the ids is the order of the messages, so that a page is a range
of ids and needs no other column. The layout::

    48 bits   milliseconds since 1970
     4 bits   version, 7
    12 bits   the microsecond within the millisecond, times 4.096
     2 bits   variant
    62 bits   random; or, of the id that a message had elsewhere, 30 bits
              for the order and 32 of its hash
"""

import datetime
import hashlib
import secrets
import uuid

from usermsg import validation

_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)
_MICROSECOND = datetime.timedelta(microseconds=1)
_VERSION = 0x7 << 76
_VARIANT = 0x2 << 62
_LAST_MILLISECOND = (1 << 48) - 1


def mint(when):
    """A new id for a message that was made at an aware datetime."""
    return _made_of(when, secrets.randbits(62))


def derive(when, old_id):
    """The id for a message that had another id elsewhere: always the same.

    Messages of one microsecond keep the order of their old ids, where those
    are random UUIDs: many tables hold whole seconds only. UUIDs that count
    begin alike, so all of an old id goes into the rest. Two old ids of one
    microsecond may still give the same id, though hardly ever.
    """
    digest = int.from_bytes(hashlib.sha256(old_id.encode()).digest(), 'big')
    order = (uuid.UUID(old_id).int >> 98 if validation.UUID.fullmatch(old_id)
             else digest >> 226)
    return _made_of(when, order << 32 | digest & 0xffffffff)


def first(when):
    """What sorts before every id of a time and after all earlier ones.

    Not itself a valid UUID of version 7: a position between ids.
    """
    return str(uuid.UUID(int=_time_bits(when) | _VERSION))


def _made_of(when, bits):
    return str(uuid.UUID(int=_time_bits(when) | _VERSION | _VARIANT | bits))


def _time_bits(when):
    microseconds = max(0, (when - _EPOCH) // _MICROSECOND)
    milliseconds, rest = divmod(microseconds, 1000)
    # There are 4096 values for 1000 microseconds: each has one of its own.
    return (min(milliseconds, _LAST_MILLISECOND) << 80 |
            rest * 4096 // 1000 << 64)
