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
