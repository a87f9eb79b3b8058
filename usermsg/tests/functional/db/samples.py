# SPDX-License-Identifier: Apache-2.0
"""What the tests of the library share."""

import datetime

import sqlalchemy as sa

from usermsg import context
from usermsg.db import models
from usermsg.message import defined_messages
from usermsg.message import resource_types
from usermsg.objects import ids

EVENT = defined_messages.EventIds.UNABLE_TO_ALLOCATE
PROJECT = '6c430ede947641288838' + '8d3929ced223'
OTHER_PROJECT = 'e1d3929ced2286c430ed' + 'e94764128883'
REQUEST = 'req-936666d2-4c8f-4e41-9ac9-237b43f8b848'
VOLUME = 'f292cc0c-54a7-4b3b-8174-d2ff82d87008'
START = datetime.datetime(2026, 1, 31, 12, tzinfo=datetime.timezone.utc)


def request(project=PROJECT, **values):
    return context.RequestContext(
        project_id=project, user_id='a user', request_id=REQUEST, **values)


def record(api, **values):
    """Record the example; ``values`` change it."""
    values = {'event_id': EVENT, 'project_id': PROJECT,
              'resource_type': resource_types.VOLUME,
              'resource_uuid': VOLUME, **values}
    return api.create(values.pop('context', request()), **values)


def row(made=START, **values):
    """A row of the table as it would be recorded at a time."""
    naive = made.replace(tzinfo=None)
    return {'id': ids.mint(made), 'prefix': 'VOLUME', 'project_id': PROJECT,
            'user_id': None, 'request_id': None, 'resource_type': 'VOLUME',
            'resource_uuid': VOLUME, 'event_id': EVENT, 'action_id': None,
            'detail_id': None, 'message_level': 'ERROR',
            'created_at': naive,
            'expires_at': naive + datetime.timedelta(days=30), **values}


def insert(database, rows, table=models.messages, batch=5000):
    with database.engine().begin() as connection:
        for first in range(0, len(rows), batch):
            connection.execute(table.insert(), rows[first:first + batch])


def stored(database, table=models.messages):
    """All rows, as dicts, in the order of their keys."""
    with database.reader() as connection:
        return [dict(row) for row in connection.execute(
            sa.select(table).order_by(*table.primary_key)).mappings()]


def counted(runtime, name):
    """How many messages a counter has, whatever their labels."""
    return sum(sample.value for metric in runtime.metrics.registry.collect()
               for sample in metric.samples
               if sample.name == f'usermsg_messages_{name}_total')
