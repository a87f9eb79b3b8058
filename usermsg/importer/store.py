# SPDX-License-Identifier: Apache-2.0
"""Storage of imported messages, one batch in a transaction.

A message about a failure has two keys: that of its row, which later imports
of the row repeat, and that of the failure, under which the listener stores a
message when the service announces the same failure. The first row with the
key of a failure takes it over, together with the listener's message if there
is one. Further rows with that key are messages of their own, because the
service lists them as well.
"""

import collections
import dataclasses

from oslo_db import exception as db_exception
import sqlalchemy as sa

from usermsg.catalogue import entries
from usermsg.db import models
from usermsg import exception
from usermsg.listener import failure_key
from usermsg.objects import message

_MESSAGES = models.messages
_KEYS = models.source_keys

#: Attempts to store a batch, in addition to one for each message that another
#: writer may store first.
_ATTEMPTS = 10

#: Digest of the key of a failure that a row has taken over. No content has
#: this digest, so the listener never stores another message for the failure.
TAKEN = 'imported'


class _KeyChanged(Exception):
    """Another writer has stored, taken over or removed a key."""


@dataclasses.dataclass(slots=True)
class _Plan:
    """Changes of one transaction.

    :ivar new: :class:`usermsg.objects.message.NewMessage` objects
    :ivar merges: (new message, key of its failure, digest of that key, row of
        the listener's message or None if that was deleted)
    :ivar extra_keys: rows of the keys of failures, of new messages
    :ivar to_delete: ids of messages
    """

    new: list = dataclasses.field(default_factory=list)
    merges: list = dataclasses.field(default_factory=list)
    extra_keys: list = dataclasses.field(default_factory=list)
    to_delete: list = dataclasses.field(default_factory=list)


def store(db, new_messages, deleted, event_ids, dry_run=False):
    """Store the messages that aren't stored yet and never were.

    A message is identified by its key.

    :param new_messages: :class:`usermsg.objects.message.NewMessage` objects;
        each has an id and a key that a later import of the same row repeats
    :param deleted: the keys of messages that are deleted in the source
        database
    :param event_ids: container of the event ids of the catalogue: only these
        replace that of a message of the listener
    :param dry_run: change nothing
    :returns: a counter of what was done or, in a dry run, would be done: the
        number of messages that are ``new``, were ``imported_before``, are
        ``merged`` with a message of the listener, had been ``deleted_here``,
        or are deleted now because they were ``deleted_there``; and a list of
        the new messages whose id belongs to another message
    :raises usermsg.exception.DatabaseUnavailable: the database is
        unavailable
    :raises usermsg.exception.IdsInUse: ids remain in use although no message
        with them can be found, after all attempts
    """
    for _attempt in range(len(new_messages) + _ATTEMPTS):
        try:
            plan, counts, clashes = _make_plan(db, new_messages, deleted)
            counts['deleted_there'] = (len(plan.to_delete) if dry_run else
                                       _write(db, plan, event_ids))
        except (db_exception.DBDuplicateEntry, _KeyChanged):
            # Another writer stored one of them first. The next look-up, in a
            # transaction of its own, finds the message of the other writer.
            continue
        return counts, clashes
    raise exception.IdsInUse(
        f'Other writers keep storing messages with ids from '
        f'{new_messages[0].row.id} to {new_messages[-1].row.id}, and deleting '
        f'them.')


def shared_key(row):
    """Return the key of the failure that a message is about.

    :param row: a :class:`usermsg.db.models.MessageRow`
    :returns: (project, source id); None if the message is no failure of an
        identified operation on a resource. A warning about an operation
        isn't the failure of that operation.
    """
    if row.message_level != 'ERROR' or None in (
            row.resource_uuid, row.request_id):
        return None
    return row.project_id, failure_key.PREFIX + failure_key.operation_key(
        row, row.resource_uuid, row.request_id)


def _make_plan(db, new_messages, deleted):
    """Return the plan, the counter and the clashes; see :func:`store`.

    :raises _KeyChanged: another import stores the same messages
    """
    stored = message.find_stored(db, [
        *(new_message.key for new_message in new_messages), *deleted])
    rows = [stored[new_message.key][1] for new_message in new_messages
            if new_message.key in stored]
    new, clashes = _split_clashes(db, [
        new_message for new_message in new_messages
        if new_message.key not in stored])
    plan = _Plan(to_delete=[
        row.id for key in deleted
        if (row := stored.get(key, (None, None))[1]) is not None])
    _assign_shared_keys(db, new, plan)
    merged_rows = [row for _new_message, _key, _digest, row in plan.merges]
    return plan, collections.Counter(
        new=len(plan.new),
        imported_before=len(rows) - rows.count(None),
        merged=len(merged_rows) - merged_rows.count(None),
        deleted_here=rows.count(None) + merged_rows.count(None)), clashes


def _assign_shared_keys(db, new_messages, plan):
    """Add new messages to a plan, the first of each failure with its key."""
    keys = [shared_key(new_message.row) for new_message in new_messages]
    available = set(keys) - {None}
    stored = message.find_stored(db, available) if available else {}
    for new_message, key in zip(new_messages, keys):
        digest, row = stored.get(key, (None, None))
        if key not in available or digest == TAKEN:
            plan.new.append(new_message)
            continue
        available.remove(key)
        if key in stored:
            plan.merges.append((new_message, key, digest, row))
        else:
            plan.new.append(new_message)
            plan.extra_keys.append(new_message.key_row()._replace(
                source_id=key[1], digest=TAKEN))


def _split_clashes(db, new_messages):
    """Split new messages into those with an unused id and the others."""
    used_ids = _select_used(
        db, [new_message.row.id for new_message in new_messages])
    new, clashes = [], []
    for new_message in new_messages:
        message_id = new_message.row.id
        (clashes if message_id in used_ids else new).append(new_message)
        used_ids.add(message_id)
    # The ids were looked up after the keys: another import may have stored the
    # same message in between.
    if clashes and message.find_stored(
            db, [new_message.key for new_message in clashes]):
        raise _KeyChanged()
    return new, clashes


def _select_used(db, message_ids):
    """Return the set of the ids that stored messages have."""
    if not message_ids:
        return set()
    with db.reader() as connection:
        return set(connection.scalars(sa.select(_MESSAGES.c.id).where(
            _MESSAGES.c.id.in_(message_ids))))


def _write(db, plan, event_ids):
    """Carry out a plan; return the number of deleted messages."""
    def write(connection):
        for merge in sorted(plan.merges, key=lambda merge: merge[1]):
            _merge(connection, *merge, event_ids)
        keys = [*plan.extra_keys, *(
            _merged_key(new_message, row)
            for new_message, _key, _digest, row in plan.merges)]
        message.insert(connection, plan.new, extra_keys=keys)
        if not plan.to_delete:
            return 0
        return connection.execute(_MESSAGES.delete().where(
            _MESSAGES.c.id.in_(plan.to_delete))).rowcount
    if not (plan.new or plan.merges or plan.to_delete):
        return 0
    return db.write(write)


def _merge(connection, new_message, key, digest, row, event_ids):
    """Take over the key of a failure, and the listener's message.

    :raises _KeyChanged: another writer was faster
    """
    project_id, source_id = key
    if connection.execute(_KEYS.update().where(
            _KEYS.c.project_id == project_id, _KEYS.c.source_id == source_id,
            _KEYS.c.digest == digest).values(digest=TAKEN)).rowcount != 1:
        raise _KeyChanged()
    imported = new_message.row
    # The service has examined the failure, while its notification contains
    # at most the class of an exception.
    if row is not None and imported.event_id in event_ids and (
            imported.detail_id not in (
                None, row.detail_id, entries.Namespace.UNKNOWN_DETAIL)):
        connection.execute(_MESSAGES.update().where(
            _MESSAGES.c.id == row.id).values(
            event_id=imported.event_id, detail_id=imported.detail_id))


def _merged_key(new_message, row):
    """Return the key of a row whose message is that of the listener.

    :param row: of the message; None if it was deleted, then the key has the
        id that the row's message would have had
    """
    key_row = new_message.key_row()
    return key_row if row is None else key_row._replace(message_id=row.id)
