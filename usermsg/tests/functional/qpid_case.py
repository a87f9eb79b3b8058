# SPDX-License-Identifier: Apache-2.0
"""What tests of the driver ``qpid`` stand on."""

import logging

import fixtures
from oslo_config import cfg

from usermsg.notifications.drivers.qpid import driver as qpid
from usermsg.notifications import notification
from usermsg.tests import base

#: What no log and no error may repeat.
PAYLOAD = 'what-nobody-else-may-read'
PASSWORD = 'pass-word-of-theirs'

#: Enough for a busy machine; what fails does so long before.
PATIENCE = 60

#: The address of an INFO notification, as ``QpidCase.driver`` sends it.
ADDRESS = 'notifications.info'


class QpidCase(base.TestCase):
    """After each test, what was logged is looked through for secrets."""

    def setUp(self):
        super().setUp()
        logger = fixtures.FakeLogger(
            format='%(levelname)s %(message)s', level=logging.DEBUG)
        self._logger = self.useFixture(logger)
        self.addCleanup(self._check_log)

    def _check_log(self):
        self.assertNotIn(PAYLOAD, self.logged())
        self.assertNotIn(PASSWORD, self.logged())

    def logged(self):
        return self._logger.output

    def warnings(self):
        """What an operator would read: lines of warnings and errors."""
        return [line for line in self.logged().splitlines()
                if line.startswith(('WARNING ', 'ERROR ', 'CRITICAL '))]

    def conf(self, *hosts, **options):
        """The configuration of a service that names the driver.

        :param hosts: URLs
        :param options: of ``[oslo_messaging_qpid]``; patience with peers
            and impatience between attempts, if nothing else is said
        """
        values = {'hosts': ','.join(hosts), 'delivery_timeout': PATIENCE,
                  'connect_timeout': PATIENCE, 'drain_timeout': 5,
                  'min_backoff': 0.05, 'max_backoff': 0.2, **options}
        lines = ['[oslo_messaging_qpid]']
        lines += [f'{name} = {value}' for name, value in values.items()]
        conf = cfg.ConfigOpts()
        conf(['--config-file',
              self.write('qpid.conf', '\n'.join(lines) + '\n')],
             project='usermsg')
        return conf

    def driver(self, *hosts, topics=('notifications',), **options):
        """A driver that ends with the test. See :meth:`conf`."""
        driver = qpid.QpidDriver(self.conf(*hosts, **options), list(topics))
        self.addCleanup(driver.close)
        return driver

    def send(self, driver, body=None, priority='INFO', context=None,
             retry=-1):
        """Send a notification and have it confirmed; returns its body."""
        body = body or note(priority=priority)
        driver.notify(context or {}, body, priority.lower(), retry)
        return body

    def submit(self, driver, count, priority='INFO'):
        """Have many sent; returns their ids and their futures."""
        bodies = [note(number, priority) for number in range(count)]
        return ([body['message_id'] for body in bodies],
                [driver.submit({}, body, priority.lower())
                 for body in bodies])

    def refusal(self, kind, driver, *named, **more):
        """The text of the error with which sending ends.

        :param kind: the class of the error, exactly
        :param named: what must be in it
        """
        error = self.assertRaises(kind, self.send, driver, **more)
        self.assertIs(kind, type(error))
        for text in (PAYLOAD, PASSWORD):
            self.assertNotIn(text, str(error))
        for text in named:
            self.assertIn(text, str(error))
        return str(error)


def note(number=0, priority='INFO', payload=None):
    """The six attributes of a notification."""
    return notification.Notification(
        'image.update', payload or {'secret': PAYLOAD, 'number': number},
        priority=priority).body()


def ids(messages):
    """The ids of what a peer wrote down, in order, each once."""
    return list(dict.fromkeys(message['id'] for message in messages))
