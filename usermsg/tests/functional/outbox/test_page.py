# SPDX-License-Identifier: Apache-2.0
"""Commands and metrics on the documentation page about the outbox."""

import re
import shlex
import subprocess
import sys
import textwrap

import yaml

from usermsg.outbox import failure_policy
from usermsg.outbox import metrics
from usermsg.tests import base
from usermsg.tests.fixtures import commands
from usermsg.tests.fixtures import outbox_samples
from usermsg.tests.fixtures import rabbitmq
from usermsg.tests.fixtures import servers
from usermsg.worker import reaper

PAGE = base.ROOT / 'doc/source/admin/outbox.rst'

ID = '019c142c-4fa0-7000-8000-{:012x}'


def _blocks(language):
    return [textwrap.dedent(block) for block in re.findall(
        rf'^\.\. code-block:: {language}\n\n((?:(?: +.*)?\n)+)',
        PAGE.read_text(encoding='utf-8'), re.M)]


def documented_commands():
    """Yield (arguments, output) of each command on the page, in order."""
    for block in _blocks('console'):
        for part in re.split(r'^\$ usermsg-manage ', block, flags=re.M)[1:]:
            command, output = part.split('\n', 1)
            yield shlex.split(command), output.rstrip('\n') + '\n'


class TestOutboxPage(base.TestCase):

    def test_outbox_commands_print_documented_output(self):
        runtime = self.runtime(oslo_messaging_notifications={
            'driver': 'rabbit'}, reaper={'batch_delay': 0})
        subject = ID.format(0xaa)
        columns = {'event_type': 'message.create', 'subject': subject}
        outbox_samples.insert(runtime.db, [
            outbox_samples.entry(5, id=ID.format(1), **columns),
            outbox_samples.entry(6, id=ID.format(2), **columns),
            outbox_samples.entry(6, id=ID.format(3), set_aside=1,
                                 reason=failure_policy.TOO_OLD, **columns),
            outbox_samples.entry(
                7, id=ID.format(4), driver='qpid', **columns)])
        number = 0
        for arguments, expected in documented_commands():
            if arguments[0] not in ('stats', 'outbox'):
                continue
            number += 1
            process = commands.manage(
                *arguments, config=str(self.home / 'usermsg.conf'))
            self.assertEqual(
                expected, process.stdout + process.stderr, arguments)
        self.assertEqual(8, number)
        self.assertEqual([(ID.format(number), 0) for number in (1, 2, 3)], [
            (entry.id, entry.set_aside)
            for entry in outbox_samples.stored(runtime.db)])

    def test_notification_commands_print_documented_output(self):
        vhost = servers.require(rabbitmq.shared).create_vhost()
        self.addCleanup(vhost.delete)
        config = self.write('usermsg.conf', '\n'.join([
            '[DEFAULT]', f'log_file = {self.home}/log', '[notifications]',
            'publisher_id = controller-1', '[oslo_messaging_notifications]',
            'driver = logging', 'driver = rabbit',
            f'transport_url = {vhost.url("rabbit")}']))
        [(send, send_output), (watch, watch_output)] = [
            (arguments, output) for arguments, output in documented_commands()
            if arguments[0] == 'notification']
        process = subprocess.Popen(
            [sys.executable, '-m', 'usermsg.cmd.manage', '--config-file',
             config, *watch], text=True, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE)
        self.addCleanup(process.communicate)
        self.addCleanup(process.kill)
        output = process.stderr.readline()
        sender = commands.manage(*send, config=config)
        self.assertEqual((0, self.normalize(send_output)),
                         (sender.returncode, self.normalize(sender.stdout)))
        output += ''.join(process.communicate(timeout=120))
        self.assertEqual(self.normalize(watch_output), self.normalize(output))

    def normalize(self, text):
        for pattern, name in ((r'[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}',
                               'ID'), (r'127\.0\.0\.1:\d+', 'ADDRESS'),
                              (r'\d{4}-\d\d-\d\d [\d:.]{15}', 'TIME')):
            text = re.sub(pattern, name, text)
        return text

    def test_documented_metrics_exist(self):
        runtime = self.runtime()
        runtime.metrics.registry.register(
            metrics.BacklogCollector(runtime.db, ('rabbit',)))
        runtime.metrics.registry.register(reaper.Reaper(runtime))
        existing = set()
        for family in runtime.metrics.registry.collect():
            existing.add(family.name + (
                '_total' if family.type == 'counter' else ''))
        text = PAGE.read_text(encoding='utf-8')
        documented = set(re.findall(r'usermsg_\w+', text))
        self.assertEqual(set(), documented - existing)
        self.assertEqual(set(), {
            name for name in existing
            if name.startswith('usermsg_outbox_')} - documented)
        [alerts] = map(yaml.safe_load, _blocks('yaml'))
        self.assertEqual(4, len(alerts['groups'][0]['rules']))
