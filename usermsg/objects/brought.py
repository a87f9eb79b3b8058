# Licensed under the Apache License, Version 2.0 (the "License"); you may
# not use this file except in compliance with the License. You may obtain
# a copy of the License at
#
#      http://www.apache.org/licenses/LICENSE-2.0
#
# Unless required by applicable law or agreed to in writing, software
# distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the
# License for the specific language governing permissions and limitations
# under the License.
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


@dataclasses.dataclass
class Numbers:
    """Of messages.

    :param new: stored
    :param known: stored before
    :param deleted_here: stored before, and deleted since
    :param deleted_there: stored before, and deleted now, since they have
        been deleted where they came from
    """

    new: int = 0
    known: int = 0
    deleted_here: int = 0
    deleted_there: int = 0


def store(db, drafts, deleted_ids, dry_run=False):
    """Store what isn't there yet and never was, in one transaction.

    :param drafts: :class:`usermsg.objects.message.Draft` objects, each with
        an id and a key that would be the same at any other time
    :param deleted_ids: of messages that must not be there any more
    :param dry_run: change nothing
    :returns: :class:`Numbers`: what was done, or what would be
    :raises usermsg.exception.DatabaseUnavailable: not now
    """
    by_id = {draft.id: draft for draft in drafts}
    here = _here(db, [*by_id, *deleted_ids])
    to_delete = sorted(here.intersection(deleted_ids))
    remembered = set()
    if dry_run:
        remembered = _remembered(db, _missing(by_id, here, remembered))
    for _attempt in range(_ATTEMPTS):
        new = _missing(by_id, here, remembered)
        try:
            deleted = 0
            if not dry_run and (new or to_delete):
                deleted = db.write(
                    lambda connection: _write(connection, new, to_delete))
        except db_exception.DBDuplicateEntry:
            # Rare enough to be asked for only now: a user deleted it here,
            # or somebody else brings it over too.
            here = _here(db, list(by_id))
            remembered = _remembered(db, _missing(by_id, here, ()))
            continue
        known = len(here.intersection(by_id))
        return Numbers(
            new=len(new), known=known,
            deleted_here=len(by_id) - known - len(new),
            deleted_there=len(to_delete) if dry_run else deleted)
    raise exception.DatabaseUnavailable()


def _missing(by_id, here, remembered):
    return [draft for draft in by_id.values()
            if draft.id not in here and draft.key not in remembered]


def _here(db, message_ids):
    """Which of some ids messages have: a set."""
    if not message_ids:
        return set()
    with db.reader() as connection:
        return set(connection.scalars(
            sa.select(_MESSAGES.c.id).where(_MESSAGES.c.id.in_(message_ids))))


def _remembered(db, drafts):
    """Which of their keys are stored: a set of (project, source id)."""
    by_project = {}
    for draft in drafts:
        project_id, source_id = draft.key
        by_project.setdefault(project_id, []).append(source_id)
    found = set()
    with db.reader() as connection:
        # One by one, for the reason that message.stored_query gives.
        for project_id, source_ids in by_project.items():
            found.update((project_id, source_id) for source_id in
                         connection.scalars(
                             sa.select(_KEYS.c.source_id).where(
                                 _KEYS.c.project_id == project_id,
                                 _KEYS.c.source_id.in_(source_ids))))
    return found


def _write(connection, drafts, deleted_ids):
    if drafts:
        message.insert(connection, drafts)
    if not deleted_ids:
        return 0
    return connection.execute(_MESSAGES.delete().where(
        _MESSAGES.c.id.in_(deleted_ids))).rowcount
