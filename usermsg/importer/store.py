# SPDX-License-Identifier: Apache-2.0
"""Messages that are brought over from elsewhere, a batch at a time."""

import dataclasses

import sqlalchemy as sa

from usermsg.db import models
from usermsg.objects import message

_MESSAGES = models.messages


@dataclasses.dataclass(frozen=True)
class Result:
    """How many messages, and the drafts of which there can be none.

    :param new: stored
    :param known: stored before
    :param deleted_here: stored before, and deleted since
    :param deleted_there: stored before, and deleted now, since they have
        been deleted where they came from
    :param clashes: drafts whose id another message has
    """

    new: int
    known: int
    deleted_here: int
    deleted_there: int
    clashes: tuple


def store(db, drafts, gone, dry_run=False):
    """Store what isn't there yet and never was.

    Which message a draft is says its key.

    :param drafts: :class:`usermsg.objects.message.Draft` objects, each with
        an id and a key that would be the same at any other time
    :param gone: the (id, key) of messages that must not be there any more
    :param dry_run: change nothing
    :returns: a :class:`Result`: what was done, or what would be
    :raises usermsg.exception.DatabaseUnavailable: not now
    """
    stored = message.stored_under(db, [
        *(draft.key for draft in drafts), *(key for _id, key in gone)])
    to_delete = [message_id for message_id, key in gone
                 if message_id == _id_of(stored.get(key))]
    others = _ids(db, [draft.row.id for draft in drafts
                       if draft.key not in stored])
    fit, clashes = [], []
    for draft in drafts:
        if draft.key in stored or draft.row.id not in others:
            fit.append(draft)
            others.add(draft.row.id)
        else:
            clashes.append(draft)
    if dry_run:
        results = message.results_of(fit, stored)
        deleted = len(to_delete)
    else:
        results = message.MessageList.record(db, fit, stored=stored)
        deleted = _delete(db, to_delete)
    return Result(
        new=sum(result.new for result in results),
        known=sum(result.row is not None and not result.new
                  for result in results),
        deleted_here=sum(result.row is None for result in results),
        deleted_there=deleted, clashes=tuple(clashes))


def _id_of(stored):
    """Id of a message, of its digest and row; None if it isn't there."""
    _digest, row = stored or (None, None)
    return row and row.id


def _ids(db, message_ids):
    """Those of some ids that messages have."""
    if not message_ids:
        return set()
    with db.reader() as connection:
        return set(connection.scalars(sa.select(_MESSAGES.c.id).where(
            _MESSAGES.c.id.in_(message_ids))))


def _delete(db, message_ids):
    if not message_ids:
        return 0
    return db.write(lambda connection: connection.execute(
        _MESSAGES.delete().where(_MESSAGES.c.id.in_(message_ids))).rowcount)
