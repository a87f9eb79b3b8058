# SPDX-License-Identifier: Apache-2.0
"""A consumer with the driver for AMQP 1.0 that oslo.messaging had.

Services that read notifications with oslo.messaging 14.9 or older are like
it::

    consumer = old_driver.Listener(broker.url(), 'routable')
    self.addCleanup(consumer.stop)
    entry, = consumer.wait_for(1)
"""

import json
import os
import time

from usermsg.tests.functional import environments
from usermsg.tests.functional import servers

_PROGRAM = os.path.join(
    os.path.dirname(__file__), 'old_driver_listener.py')


class Listener(servers.Process):
    """A process that listens.

    :param url: its transport_url
    :param addressing: as its driver names it, ``legacy`` or ``routable``
    :param exchange: its control_exchange
    :param topic: of the notifications
    """

    def __init__(self, url, addressing, exchange='openstack',
                 topic='notifications'):
        environment = environments.get('oldamqp')
        super().__init__()
        self.env = environment.variables(
            LC_ALL='C.UTF-8', TMPDIR=self.directory)
        options = self.write('options', json.dumps({
            'url': url, 'addressing': addressing, 'exchange': exchange,
            'topic': topic, 'record': self.path('record')}))
        # Without the directory of the program in its path, in which modules
        # have names of the standard library's.
        self.command = [
            environment.program('python'), '-P', _PROGRAM, options]
        try:
            self.start()
        except BaseException:
            self.stop()
            raise

    def record(self):
        """What it got, a list of dicts, the oldest first.

        Each has ``priority`` (which of its methods was called), ``ctxt``,
        ``publisher_id``, ``event_type``, ``payload`` and ``metadata``.
        """
        try:
            with open(self.path('record'), encoding='utf-8') as stream:
                lines = stream.read().split('\n')
        except FileNotFoundError:
            return []
        return [json.loads(line) for line in lines[:-1]]

    def wait_for(self, count, deadline=60):
        """What it got, when it is so many.

        :raises AssertionError: it wasn't in time
        """
        end = time.monotonic() + deadline
        while len(found := self.record()) < count:
            if time.monotonic() > end:
                raise AssertionError(
                    f'{len(found)} of {count} notifications; {self.log()}')
            time.sleep(0.02)
        return found
