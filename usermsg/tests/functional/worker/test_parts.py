# SPDX-License-Identifier: Apache-2.0
"""Each part of the worker can be turned off."""

import json

from usermsg.tests.fixtures import databases
from usermsg.tests.fixtures import processes
from usermsg.tests.functional.listener import test_consumer

#: Prints the names of the threads of a worker.
PROGRAM = '''
import json
import sys
from usermsg.concurrency import backend
backend.use_threads()
from usermsg.worker import service
worker = service.Worker(['--config-file', sys.argv[1]])
worker.start()
names = sorted(thread.name for thread in worker._threads)
worker.stop()
print(json.dumps(names))
'''

LISTENERS = {'listener-default', 'listener-west'}
ALL = {'correlator', 'reaper', 'relays', 'watchdog', *LISTENERS}


class TestParts(test_consumer.ListenerMixin, databases.TestCase):

    scenarios = databases.SCENARIOS[:1]

    def threads(self, **groups):
        """Return the names of the threads of a worker with some options."""
        url = self.vhost.url('rabbit')
        path = self.config_file(**{
            'DEFAULT': {'use_stderr': 'false'},
            'database': {'connection': self.url},
            'oslo_messaging_notifications': {
                'driver': 'rabbit', 'transport_url': url},
            'listener_transport_west': {'transport_url': url}, **groups,
            'listener': {'enabled': 'true', 'transports': 'default,west',
                         **groups.get('listener', {})}})
        result = processes.run(PROGRAM, path, deadline=120)
        self.assertEqual(0, result.returncode, result.stdout)
        return set(json.loads(result.stdout.splitlines()[-1]))

    def test_each_part_has_an_option(self):
        self.prepare()
        self.assertEqual(ALL, self.threads())
        off = {'enabled': 'false'}
        for groups, parts in (
                ({'reaper': off}, {'reaper'}), ({'relay': off}, {'relays'}),
                ({'listener': off}, {'correlator', *LISTENERS}),
                ({'listener': {'correlator_enabled': 'false'}},
                 {'correlator'}),
                ({'reaper': off, 'relay': off, 'listener': off},
                 ALL - {'watchdog'})):
            self.assertEqual(ALL - parts, self.threads(**groups), groups)

    def test_disabled_listener_needs_no_broker_and_no_rules(self):
        self.prepare()
        self.assertEqual(
            {'watchdog', 'reaper'}, self.threads(
                oslo_messaging_notifications={'driver': 'noop'},
                listener={'enabled': 'false', 'rules_dir': '/absent'},
                listener_transport_west={'transport_url': 'fake://'}))
