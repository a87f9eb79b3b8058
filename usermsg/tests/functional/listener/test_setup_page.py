# SPDX-License-Identifier: Apache-2.0
"""The page about the first message, followed by an operator."""

import re
import runpy
import shlex
import sys
import textwrap

from usermsg.tests import base
from usermsg.tests.fixtures import captures
from usermsg.tests.fixtures import listening
from usermsg.tests.fixtures import rabbitmq
from usermsg.tests.fixtures import samples
from usermsg.tests.fixtures import servers

_ROOT = base.ROOT
_PAGE = _ROOT / 'doc' / 'source' / 'admin' / 'listener-setup.rst'

#: Of the capture.
_PROJECT = '81617689350b460aa78c857f82de9d11'


def _blocks(language):
    return [textwrap.dedent(block) for _indentation, block in re.findall(
        rf'^( *)\.\. code-block:: {language}\n\n((?:\1   .*\n|\n)+)',
        _PAGE.read_text(encoding='utf-8'), re.M)]


class SetupPageTest(base.TestCase):

    def setUp(self):
        super().setUp()
        self.broker = servers.require(rabbitmq.shared)
        self.vhost = self.broker.create_vhost()
        self.addCleanup(self.vhost.delete)

    def control(self, block):
        """Run the commands of a block in the virtual host of the test."""
        for line in block.strip().splitlines():
            prompt, program, *arguments = shlex.split(line)
            self.assertEqual(('#', 'rabbitmqctl'), (prompt, program))
            self.broker.control('-q', *[
                self.vhost.name if argument == '/' else argument
                for argument in arguments])

    def start_worker(self):
        """Start a worker with the options of the page."""
        url = 'rabbit://usermsg-listener:PASSWORD@rabbit.example.org:5672/'
        options = _blocks('ini')[0]
        self.assertIn(f'transport_url = {url}\n', options)
        self.runtime()  # creates the tables
        config = self.config_file()
        with open(config, 'a', encoding='utf-8') as file:
            file.write(options.replace(url, self.vhost.url(
                'rabbit', login=('usermsg-listener', 'PASSWORD'))))
        worker = servers.Process(
            [sys.executable, '-m', 'usermsg.cmd.worker', '--config-file',
             config])
        self.addCleanup(worker.stop)
        worker.start()
        return worker

    def test_steps_lead_to_a_message(self):
        account, policy = _blocks('console')
        self.control(account)
        self.addCleanup(
            self.broker.control, '-q', 'delete_user', 'usermsg-listener')
        self.control(policy)
        worker = self.start_worker()
        # The queue of Cinder, without a consumer, and the exchange.
        self.vhost.declare('notifications.error', 'openstack',
                           'notifications.error', durable=False)
        listening.wait_for(
            lambda: 'notifications of the exchange openstack' in worker.log())
        replay = runpy.run_path(str(_ROOT / 'tools' / 'replay.py'))['replay']
        failure = [captures.DIRECTORY / '21-volume-create-no-backend.jsonl']
        replay(self.vhost.url('amqp'), failure)
        database = self.runtime(tables=False).db
        [message] = listening.wait_for(lambda: samples.stored(database))
        self.assertEqual(_PROJECT, message['project_id'])
        self.assertEqual('VOLUME', message['resource_type'])
        self.assertEqual(1, self.vhost.count('notifications.error'))
        self.assertNotIn('ACCESS_REFUSED', worker.log())
        # In another project, everything has another id.
        replay(self.vhost.url('amqp'), failure, project=samples.PROJECT)
        messages = listening.wait_for(
            lambda: len(samples.stored(database)) == 2 and
            samples.stored(database))
        other = next(row for row in messages if row['id'] != message['id'])
        self.assertEqual(samples.PROJECT, other['project_id'])
        self.assertNotEqual(message['resource_uuid'], other['resource_uuid'])
        self.assert_limited()

    def assert_limited(self):
        """Check the queues that the policy limits, and only those."""
        limited = {queue['name']: queue.get('policy') for queue in
                   self.broker.request('GET', f'queues/{self.vhost.name}')}
        self.assertEqual({'notifications.error': 'unread-notifications',
                          'usermsg.default': None}, limited)
