# SPDX-License-Identifier: Apache-2.0
"""Storage of imported messages, one batch in a transaction."""

import collections

from oslo_db import exception as db_exception
import sqlalchemy as sa

from usermsg.db import models
from usermsg import exception
from usermsg.objects import message

_MESSAGES = models.messages

#: Attempts to store a batch, in addition to one for each message that another
#: writer may store first.
_ATTEMPTS = 10


def store(db, new_messages, deleted, dry_run=False):
    """Store the messages that aren't stored yet and never were.

    A message is identified by its key.

    :param new_messages: :class:`usermsg.objects.message.NewMessage` objects;
        each has an id and a key that a later import of the same row repeats
    :param deleted: the (id, key) of messages that are deleted in the source
        database
    :param dry_run: change nothing
    :returns: a counter of what was done or, in a dry run, would be done: the
        number of messages that are ``new``, were ``imported_before``, had been
        ``deleted_here``, or are deleted now because they were
        ``deleted_there``; and a list of the new messages whose id belongs to
        another message
    :raises usermsg.exception.DatabaseUnavailable: the database is
        unavailable
    :raises usermsg.exception.IdsInUse: ids remain in use although no message
        with them can be found, after all attempts
    """
    for _attempt in range(len(new_messages) + _ATTEMPTS):
        stored = message.find_stored(db, [
            *(new_message.key for new_message in new_messages),
            *(key for _id, key in deleted)])
        # The id is None where the message has been deleted.
        id_by_key = {key: row and row.id
                     for key, (_digest, row) in stored.items()}
        to_delete = [message_id for message_id, key in deleted
                     if id_by_key.get(key) == message_id]
        imported_ids = [id_by_key[new_message.key]
                        for new_message in new_messages
                        if new_message.key in id_by_key]
        new, clashes = _split_clashes(db, [
            new_message for new_message in new_messages
            if new_message.key not in id_by_key])
        try:
            number_deleted = (len(to_delete) if dry_run else
                              _write(db, new, to_delete))
        except db_exception.DBDuplicateEntry:
            # Another writer stored one of them first. The next look-up, in a
            # transaction of its own, finds the message of the other writer.
            continue
        deleted_here = imported_ids.count(None)
        return collections.Counter(
            new=len(new), imported_before=len(imported_ids) - deleted_here,
            deleted_here=deleted_here,
            deleted_there=number_deleted), clashes
    raise exception.IdsInUse(
        f'Other writers keep storing messages with ids from {new[0].row.id} '
        f'to {new[-1].row.id}, and deleting them.')


def _split_clashes(db, new_messages):
    """Split new messages into those with an unused id and the others."""
    used_ids = _select_used(
        db, [new_message.row.id for new_message in new_messages])
    new, clashes = [], []
    for new_message in new_messages:
        message_id = new_message.row.id
        (clashes if message_id in used_ids else new).append(new_message)
        used_ids.add(message_id)
    return new, clashes


def _select_used(db, message_ids):
    """Return the set of the ids that stored messages have."""
    if not message_ids:
        return set()
    with db.reader() as connection:
        return set(connection.scalars(sa.select(_MESSAGES.c.id).where(
            _MESSAGES.c.id.in_(message_ids))))


def _write(db, new, to_delete):
    """Insert and delete messages; return the number of deleted ones."""
    def write(connection):
        if new:
            message.insert(connection, new)
        return connection.execute(_MESSAGES.delete().where(
            _MESSAGES.c.id.in_(to_delete))).rowcount
    return db.write(write) if new or to_delete else 0
