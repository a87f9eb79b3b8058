# SPDX-License-Identifier: Apache-2.0
"""What the page about the outbox shows is what comes of it."""

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


def shown():
    """(arguments, output) of each command on the page, in its order."""
    for block in _blocks('console'):
        for part in re.split(r'^\$ usermsg-manage ', block, flags=re.M)[1:]:
            command, output = part.split('\n', 1)
            yield shlex.split(command), output.rstrip('\n') + '\n'


class TestOutbox(base.TestCase):

    def test_its_commands_say_what_they_are_shown_to_say(self):
        runtime = self.runtime(oslo_messaging_notifications={
            'driver': 'rabbit'}, reaper={'batch_delay': 0})
        subject = ID.format(0xaa)
        made = {'event_type': 'message.create', 'subject': subject}
        outbox_samples.insert(runtime.db, [
            outbox_samples.entry(5, id=ID.format(1), **made),
            outbox_samples.entry(6, id=ID.format(2), **made),
            outbox_samples.entry(6, id=ID.format(3), set_aside=1,
                                 reason=failure_policy.TOO_OLD, **made),
            outbox_samples.entry(7, id=ID.format(4), driver='qpid', **made)])
        number = 0
        for arguments, expected in shown():
            if arguments[0] not in ('stats', 'outbox'):
                continue
            number += 1
            end = commands.manage(
                *arguments, config=str(self.home / 'usermsg.conf'))
            self.assertEqual(expected, end.stdout + end.stderr, arguments)
        self.assertEqual(8, number)
        self.assertEqual([(ID.format(number), 0) for number in (1, 2, 3)], [
            (each.id, each.set_aside)
            for each in outbox_samples.stored(runtime.db)])

    def test_so_do_those_that_try_a_deployment(self):
        vhost = servers.require(rabbitmq.shared).create_vhost()
        self.addCleanup(vhost.delete)
        config = self.write('usermsg.conf', '\n'.join([
            '[DEFAULT]', f'log_file = {self.home}/log', '[notifications]',
            'publisher_id = controller-1', '[oslo_messaging_notifications]',
            'driver = logging', 'driver = rabbit',
            f'transport_url = {vhost.url("rabbit")}']))
        [(notify, told), (listen, heard)] = [
            each for each in shown() if each[0][0] == 'notification']
        process = subprocess.Popen(
            [sys.executable, '-m', 'usermsg.cmd.manage', '--config-file',
             config, *listen], text=True, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE)
        self.addCleanup(process.communicate)
        self.addCleanup(process.kill)
        output = process.stderr.readline()
        end = commands.manage(*notify, config=config)
        self.assertEqual((0, self.general(told)),
                         (end.returncode, self.general(end.stdout)))
        output += ''.join(process.communicate(timeout=120))
        self.assertEqual(self.general(heard), self.general(output))

    def general(self, text):
        for pattern, word in ((r'[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}',
                               'ID'), (r'127\.0\.0\.1:\d+', 'ADDRESS'),
                              (r'\d{4}-\d\d-\d\d [\d:.]{15}', 'TIME')):
            text = re.sub(pattern, word, text)
        return text

    def test_its_figures_are_those_that_there_are(self):
        runtime = self.runtime()
        runtime.metrics.registry.register(
            metrics.BacklogCollector(runtime.db, ('rabbit',)))
        runtime.metrics.registry.register(reaper.Reaper(runtime))
        known = set()
        for family in runtime.metrics.registry.collect():
            known.add(family.name + (
                '_total' if family.type == 'counter' else ''))
        text = PAGE.read_text(encoding='utf-8')
        told = set(re.findall(r'usermsg_\w+', text))
        self.assertEqual(set(), told - known)
        self.assertEqual(set(), {
            name for name in known
            if name.startswith('usermsg_outbox_')} - told)
        [alerts] = map(yaml.safe_load, _blocks('yaml'))
        self.assertEqual(4, len(alerts['groups'][0]['rules']))
