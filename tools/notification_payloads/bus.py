# SPDX-License-Identifier: Apache-2.0
"""Recording of the notifications that a service would put on the bus.

Runs in the environment of the service, not in that of usermsg. The service
emits with its own code through oslo.messaging's driver ``test``, and
oslo.messaging's own functions make the body of each message, so a recorded
line differs from a captured one only in ids and times, which are fixed here
to keep the files the same from one run to the next.
"""

import importlib.metadata
import itertools
import json
import os
import sys
import uuid

from oslo_config import cfg
from oslo_messaging._drivers import amqp
from oslo_messaging._drivers import common
from oslo_messaging.notify import _impl_test
from oslo_messaging.notify import notifier
from oslo_messaging import transport

_DIRECTORY = os.path.dirname(os.path.abspath(__file__))

#: Ids of the projects and users in all recorded notifications.
PROJECT = '81617689350b460aa78c857f82de9d11'
USER = 'af57084ab0054d0b85924b8e09547108'
ADMIN_PROJECT = '5f705cb79e9c4f8aa2dd9ba8f5a0e4c1'
ADMIN = '0e1cd2f7b1d04d2d8f0f6b1a4f0f9b6e'
HOST = 'cloud1'

#: A text that no user may read: tests look for its words in all decisions.
NASTY = ('Traceback (most recent call last):\n  File '
         '"/opt/stack/secret_driver.py", line 13\nOSError: [Errno 111] '
         'rabbit://nova:hunter2@10.20.30.40 <script>')


def make_id(name):
    """Return a UUID that depends on the name alone."""
    return str(uuid.uuid5(uuid.NAMESPACE_DNS, name))


def request_id(name):
    return f'req-{make_id(name)}'


def configure(conf):
    """Let a service emit to the recorder. Call before it makes a notifier."""
    conf.register_opts(notifier._notifier_opts,
                       group='oslo_messaging_notifications')
    conf.set_override('driver', ['test'], group='oslo_messaging_notifications')
    conf.set_override('transport_url', 'fake://',
                      group='oslo_messaging_notifications')
    # Some services also make a transport for RPC, or use that one.
    conf.register_opts(transport._transport_opts)
    conf.set_override('transport_url', 'fake://')


class Recorder:
    """Recorded notifications of one service.

    :param service: name in ids
    :param exchange: that the service publishes to by default
    :param conf: configuration that was passed to :func:`configure`
    """

    def __init__(self, service, exchange, conf=cfg.CONF):
        self._service = service
        self._exchange = exchange
        self._number = itertools.count(1)
        self.rows = []
        configure(conf)
        _impl_test.TestDriver.notify = self._driver()

    def _driver(recorder):
        def notify(self, context, message, priority, _retry):
            for topic in self.topics:
                recorder.add(f'{topic}.{priority.lower()}', context, message)
        return notify

    def add(self, routing_key, context, message):
        number = next(self._number)
        message = {**message,
                   'message_id': make_id(f'{self._service}-{number}'),
                   'timestamp': f'2026-11-21 21:{number // 60:02}:'
                                f'{number % 60:02}.{number:06}'}
        amqp._add_unique_id(message)
        message[amqp.UNIQUE_ID] = uuid.UUID(
            make_id(f'{self._service}-unique-{number}')).hex
        amqp.pack_context(message, context)
        if '_context_timestamp' in message:
            message['_context_timestamp'] = message['timestamp']
        body = json.dumps(common.serialize_msg(message))
        # Tracebacks contain the paths of this machine.
        for path, public in ((sys.prefix, '/opt/venv'), (_DIRECTORY, '/opt')):
            body = body.replace(path, public)
        self.rows.append({
            'body': body,
            'exchange': self._exchange, 'headers': {},
            'properties': {'content_encoding': 'utf-8',
                           'content_type': 'application/json',
                           'delivery_mode': 2, 'priority': 0},
            'routing_key': routing_key})

    def write(self, path, *packages):
        """Write the rows, and the versions that made them beside them."""
        with open(path, 'w', encoding='utf-8') as stream:
            for row in self.rows:
                stream.write(json.dumps(row, sort_keys=True) + '\n')
        print(self._service, len(self.rows), 'notifications, made by',
              ', '.join(f'{name} {importlib.metadata.version(name)}'
                        for name in (*packages, 'oslo.messaging')),
              'on Python', '.'.join(map(str, sys.version_info[:2])))
