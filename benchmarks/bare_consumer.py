# SPDX-License-Identifier: Apache-2.0
"""The shortest consumer of notifications, for comparison.

It consists of kombu, orjson and the driver of the database. It knows the
events of the benchmark, and writes the same number of rows into the same
tables as the listener: no rules, no validation, no duplicates.
"""

import contextlib
import datetime
import socket
import uuid

import kombu
import orjson

from usermsg.db import models

# Event type -> resource type, and where its parts are in the payload.
_FAILURES = {
    'scheduler.create_volume': ('VOLUME', lambda payload: (
        payload['volume_properties']['project_id'],
        payload['volume_properties']['user_id'], payload['volume_id'])),
    'scheduler.create_share': ('SHARE', lambda payload: (
        payload['share_properties']['project_id'],
        payload['share_properties']['user_id'], payload['share_id'])),
    'dbaas.instance_resize_volume.error': ('DATABASE', lambda payload: (
        payload['tenant_id'], None, payload['instance_id'])),
}

# Event type -> kind, number of observations, and where their parts are in the
# payload. Two correlations depend on the status of an image.
_OBSERVED = {
    'compute.instance.create.error': ('failure', 1, lambda payload: (
        payload['tenant_id'], payload['instance_id'], payload['state'])),
    'image.update': ('state', 2, lambda payload: (
        payload['owner'], payload['id'], payload['status'])),
    'image.upload': ('cause', 1, lambda payload: (None, None, None)),
}

_LIFETIME = datetime.timedelta(days=30)


class Consumer:
    """Consumer of one queue.

    :param engine: of SQLAlchemy, for connections of the driver only
    :param batch: number of notifications of a transaction
    """

    def __init__(self, engine, url, queue, batch):
        self._engine = engine
        self._url = url
        self._queue = queue
        self._batch = batch
        mark = '?' if engine.dialect.paramstyle == 'qmark' else '%s'
        self._to_time = (
            (lambda time: time.isoformat(' ', 'microseconds'))
            if engine.dialect.name == 'sqlite' else (lambda time: time))
        self._statements = [
            f'INSERT INTO {table.name} ({", ".join(table.c.keys())}) '
            f'VALUES ({", ".join([mark] * len(table.c))})'
            for table in (models.messages, models.source_keys,
                          models.observations)]

    def run(self, turn):
        """Consume until a turn ends."""
        received = []
        with (kombu.Connection(self._url) as connection,
              contextlib.closing(self._engine.raw_connection()) as database):
            channel = connection.channel()
            channel.basic_qos(0, 2 * self._batch, False)
            with kombu.Consumer(
                    channel, [kombu.Queue(self._queue, no_declare=True)],
                    on_message=received.append):
                turn.start()
                while not turn.is_set():
                    with contextlib.suppress(socket.timeout):
                        while len(received) < self._batch:
                            connection.drain_events(timeout=0.1)
                    batch = received[:self._batch]
                    if batch:
                        self._store(database, batch)
                        batch[-1].ack(multiple=True)
                        del received[:self._batch]
                        turn.count(len(batch))

    def _store(self, database, batch):
        rows = [], [], []
        for message in batch:
            self._add(rows, orjson.loads(
                orjson.loads(message.body)['oslo.message']))
        cursor = database.cursor()
        for statement, values in zip(self._statements, rows):
            if values:
                cursor.executemany(statement, values)
        database.commit()
        cursor.close()

    def _add(self, rows, content):
        messages, source_keys, observations = rows
        event_type, payload = content['event_type'], content['payload']
        if event_type in _FAILURES:
            resource_type, parts = _FAILURES[event_type]
            project_id, user_id, resource_id = parts(payload)
            now = datetime.datetime.utcnow()
            time, end = self._to_time(now), self._to_time(now + _LIFETIME)
            ident = str(uuid.uuid4())
            messages.append((
                ident, resource_type, project_id, user_id,
                content.get('_context_request_id'), resource_type,
                resource_id, f'{resource_type}_000001', None, None, 'ERROR',
                time, end))
            source_keys.append((
                project_id, content['message_id'], ident,
                2 * content['message_id'].replace('-', ''), end))
        elif event_type in _OBSERVED:
            kind, number, parts = _OBSERVED[event_type]
            project_id, resource_id, status = parts(payload)
            now = datetime.datetime.utcnow()
            time, end = self._to_time(now), self._to_time(now + _LIFETIME)
            values = orjson.dumps(status).decode()
            observations.extend(
                (f'{index}{content["message_id"]}', 0, kind, 'bare', 'bare',
                 content['publisher_id'], resource_id, project_id, time, time,
                 end, 0, values) for index in range(number))
