# SPDX-License-Identifier: Apache-2.0
"""Entries of the outbox, for tests."""

import dataclasses
import datetime
import operator

from usermsg.db import models
from usermsg.objects import ids
from usermsg.objects import outbox
from usermsg.tests.functional.db import samples

#: What no command may show.
SECRET = 'hunter2'

_values = operator.attrgetter(
    *(field.name for field in dataclasses.fields(outbox.Entry)))


def entry(number=0, **values):
    """An entry of an event some seconds after the start, not set aside."""
    when = samples.START + datetime.timedelta(seconds=number)
    naive = when.replace(tzinfo=None)
    return outbox.Entry(**{
        'id': ids.mint(when), 'driver': 'rabbit', 'shard': number % 32,
        'set_aside': 0, 'event_type': 'image.upload', 'priority': 'INFO',
        'publisher_id': 'a-host', 'subject': f'image-{number}',
        'occurred_at': naive, 'content': f'"{SECRET}"', 'queued_at': naive,
        **values})


def insert(database, entries):
    # dataclasses.astuple copies each value, which takes longer than the rest.
    rows = [_values(each) for each in entries]
    database.write(lambda connection: outbox.insert(connection, rows))


def stored(database):
    return [outbox.Entry(**row)
            for row in samples.stored(database, models.outbox)]
