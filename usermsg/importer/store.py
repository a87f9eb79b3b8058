# SPDX-License-Identifier: Apache-2.0
"""Messages that are brought over from elsewhere, a batch at a time."""

import collections

from oslo_db import exception as db_exception
import sqlalchemy as sa

from usermsg.db import models
from usermsg import exception
from usermsg.objects import message

_MESSAGES = models.messages

#: Attempts to store a batch, besides one for each message that another writer
#: may be quicker with.
_ATTEMPTS = 10


def store(db, new_messages, gone, dry_run=False):
    """Store what isn't there yet and never was.

    Which message a new_message is says its key.

    :param new_messages: :class:`usermsg.objects.message.NewMessage` objects, each with
        an id and a key that would be the same at any other time
    :param gone: the (id, key) of messages that must not be there any more
    :param dry_run: change nothing
    :returns: what was done, or what would be: how many messages are ``new``,
        were ``known``, had been ``deleted_here``, or are deleted now, as they
        were ``deleted_there``; and the new_messages whose id another message has
    :raises usermsg.exception.DatabaseUnavailable: not now
    :raises usermsg.exception.IdsInUse: ids are stored and can't be found,
        however often
    """
    for _attempt in range(len(new_messages) + _ATTEMPTS):
        stored = message.find_stored(db, [
            *(new_message.key for new_message in new_messages), *(key for _id, key in gone)])
        # None where the message has been deleted.
        by_key = {key: row and row.id
                  for key, (_digest, row) in stored.items()}
        to_delete = [message_id for message_id, key in gone
                     if by_key.get(key) == message_id]
        known = [by_key[new_message.key] for new_message in new_messages if new_message.key in by_key]
        taken = _ids(db, [new_message.row.id for new_message in new_messages
                          if new_message.key not in stored])
        new, clashes = [], []
        for new_message in new_messages:
            if new_message.key not in stored:
                (clashes if new_message.row.id in taken else new).append(new_message)
                taken.add(new_message.row.id)
        try:
            deleted = (len(to_delete) if dry_run else
                       _change(db, new, to_delete))
        except db_exception.DBDuplicateEntry:
            # Another writer was quicker. The next look-up, in a transaction
            # of its own, finds what it has stored.
            continue
        return collections.Counter(
            new=len(new), known=len(known) - known.count(None),
            deleted_here=known.count(None), deleted_there=deleted), clashes
    raise exception.IdsInUse(
        f'Other writers keep storing messages with ids from {new[0].row.id} '
        f'to {new[-1].row.id}, and deleting them.')


def _ids(db, message_ids):
    """Those of some ids that messages have."""
    if not message_ids:
        return set()
    with db.reader() as connection:
        return set(connection.scalars(sa.select(_MESSAGES.c.id).where(
            _MESSAGES.c.id.in_(message_ids))))


def _change(db, new, to_delete):
    """Insert and delete messages; returns how many were deleted."""
    def change(connection):
        if new:
            message.insert(connection, new)
        return connection.execute(_MESSAGES.delete().where(
            _MESSAGES.c.id.in_(to_delete))).rowcount
    return db.write(change) if new or to_delete else 0
