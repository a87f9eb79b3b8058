# SPDX-License-Identifier: Apache-2.0
"""Message ids: UUIDs of version 7 (RFC 9562) with microseconds.

The order of the ids is the order of the messages, so that a page is a range
of ids and needs no other column. The layout::

    48 bits   milliseconds since 1970
     4 bits   version, 7
    12 bits   the microsecond within the millisecond, times 4.096
     2 bits   variant
    62 bits   random; for an imported message, 30 bits of the order of its
              old id and 32 bits of that id's hash
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


def mint(created_at):
    """Return a new id for a message that was created at an aware datetime."""
    return _build(created_at, secrets.randbits(62))


def derive(created_at, old_id):
    """Return the id for an imported message: always the same for an old id.

    Messages of one microsecond keep the order of their old ids if those are
    random UUIDs: many tables store whole seconds only. Sequential UUIDs have
    a common prefix, so the hash is of the whole old id. A collision of two
    old ids of one microsecond is possible, but very unlikely.
    """
    digest = int.from_bytes(hashlib.sha256(old_id.encode()).digest(), 'big')
    order = (uuid.UUID(old_id).int >> 98 if validation.UUID.fullmatch(old_id)
             else digest >> 226)
    return _build(created_at, order << 32 | digest & 0xffffffff)


def lower_bound(time):
    """Return a position before all ids of a time and after earlier ones.

    It isn't a valid UUID of version 7, so no message has this id.
    """
    return str(uuid.UUID(int=_time_bits(time) | _VERSION))


def _build(time, bits):
    return str(uuid.UUID(int=_time_bits(time) | _VERSION | _VARIANT | bits))


def _time_bits(time):
    microseconds = max(0, (time - _EPOCH) // _MICROSECOND)
    milliseconds, rest = divmod(microseconds, 1000)
    # 4096 values for 1000 microseconds: each microsecond has its own.
    return (min(milliseconds, _LAST_MILLISECOND) << 80 |
            rest * 4096 // 1000 << 64)
