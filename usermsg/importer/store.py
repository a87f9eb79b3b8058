# SPDX-License-Identifier: Apache-2.0
"""Messages that are brought over from elsewhere, a batch at a time."""

import dataclasses

from oslo_db import exception as db_exception
import sqlalchemy as sa

from usermsg.db import models
from usermsg import exception
from usermsg.objects import message

_MESSAGES = models.messages
_KEYS = models.source_keys

#: How often a batch is tried that somebody else stores at the same time.
_ATTEMPTS = 10


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
    """Store what isn't there yet and never was, in one transaction.

    Which message a draft is says its key; an id that is made of others is
    only where to look first.

    :param drafts: :class:`usermsg.objects.message.Draft` objects, each with
        an id and a key that would be the same at any other time
    :param gone: the (id, key) of messages that must not be there any more
    :param dry_run: change nothing
    :returns: a :class:`Result`: what was done, or what would be
    :raises usermsg.exception.DatabaseUnavailable: not now
    """
    by_id = {}
    twice = [draft for draft in drafts
             if by_id.setdefault(draft.row.id, draft) is not draft]
    here = _here(db, [*by_id, *(message_id for message_id, _key in gone)])
    # What is the same in all columns needs no look at its key, of which each
    # project costs one.
    same = {draft.key: (draft.row.id, True) for draft in by_id.values()
            if here.get(draft.row.id) == draft.row}
    kept = same | _kept(db, [
        *(draft.key for draft in by_id.values()
          if draft.key not in same and (dry_run or draft.row.id in here)),
        *(key for message_id, key in gone if message_id in here)])
    to_delete = sorted(
        message_id for message_id, key in gone
        if message_id in here and kept.get(key) == (message_id, True))
    for _attempt in range(_ATTEMPTS):
        new = [draft for draft in by_id.values()
               if draft.row.id not in here and draft.key not in kept]
        try:
            deleted = len(to_delete)
            if not dry_run and (new or to_delete):
                deleted = db.write(
                    lambda connection: _write(connection, new, to_delete))
        except db_exception.DBDuplicateEntry:
            # Rare enough to be asked for only now: a user deleted it here,
            # or somebody else brings it over too.
            here = _here(db, list(by_id))
            kept = _kept(db, [draft.key for draft in by_id.values()])
            continue
        found = [kept[draft.key][1] for draft in by_id.values()
                 if draft.key in kept]
        clashes = [draft for draft in by_id.values()
                   if draft.row.id in here and draft.key not in kept]
        return Result(
            new=len(new), known=sum(found),
            deleted_here=len(found) - sum(found), deleted_there=deleted,
            clashes=(*twice, *clashes))
    raise exception.DatabaseUnavailable()


def _here(db, message_ids):
    """The messages that have some ids: id -> the values of all columns."""
    if not message_ids:
        return {}
    with db.reader() as connection:
        return {row.id: tuple(row) for row in connection.execute(
            sa.select(_MESSAGES).where(_MESSAGES.c.id.in_(message_ids)))}


def _kept(db, keys):
    """What is stored under keys.

    :returns: key -> (the id of its message, whether that is still there)
    """
    by_project = {}
    for project_id, source_id in keys:
        by_project.setdefault(project_id, []).append(source_id)
    kept = {}
    with db.reader() as connection:
        # One by one, for the reason that message.stored_query gives.
        for project_id, source_ids in by_project.items():
            for source_id, message_id, found in connection.execute(
                    sa.select(_KEYS.c.source_id, _KEYS.c.message_id,
                              _MESSAGES.c.id).join_from(
                        _KEYS, _MESSAGES,
                        _MESSAGES.c.id == _KEYS.c.message_id, isouter=True
                    ).where(_KEYS.c.project_id == project_id,
                            _KEYS.c.source_id.in_(source_ids))):
                kept[project_id, source_id] = message_id, found is not None
    return kept


def _write(connection, drafts, deleted_ids):
    if drafts:
        message.insert(connection, drafts)
    if not deleted_ids:
        return 0
    return connection.execute(_MESSAGES.delete().where(
        _MESSAGES.c.id.in_(deleted_ids))).rowcount
