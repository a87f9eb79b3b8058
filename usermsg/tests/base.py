# SPDX-License-Identifier: Apache-2.0
"""What tests stand on: configuration, a database, a runtime."""

import pathlib

import fixtures
from oslotest import base

from usermsg import config
from usermsg.db import models
from usermsg import policy
from usermsg import service

#: The repository, which has the pages, examples and tools that are tested.
ROOT = pathlib.Path(__file__).parents[2]

#: Data of tests, and that they share.
DATA = pathlib.Path(__file__).parent / 'fixtures' / 'data'


#: Options of [api] with which a WSGI server starts and links lead to it.
EXPOSED = {'allow_insecure_noauth': 'true', 'trust_host_header': 'true'}


class TestCase(base.BaseTestCase):

    def setUp(self):
        super().setUp()
        # What our own code does against the advice of a library fails.
        self.useFixture(fixtures.WarningsFilter([
            {'action': 'error', 'module': r'usermsg\b'}]))
        # The configuration of whoever runs the tests must not count.
        self.home = pathlib.Path(self.useFixture(fixtures.TempDir()).path)
        self.useFixture(fixtures.EnvironmentVariable('HOME', str(self.home)))
        self.useFixture(fixtures.EnvironmentVariable(
            config.CONFIG_FILES_VARIABLE))

    def write(self, name, text):
        """A file in a directory of this test's own; returns its path."""
        path = self.home / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding='utf-8')
        return str(path)

    def sqlite_url(self, name='usermsg.sqlite'):
        return f'sqlite:///{self.home / name}'

    def config_file(self, name='usermsg.conf', **groups):
        """Write a configuration file.

        :param groups: group -> a dict of its options; noauth, a database of
            this test's own and more time to record than a busy machine
            takes are there if nothing else is said
        """
        defaults = {'database': {'connection': self.sqlite_url()},
                    'api': {'auth_strategy': 'noauth'},
                    'messages': {'record_timeout': 60}}
        lines = []
        for group in {**defaults, **groups}:
            lines.append(f'[{group}]')
            options = {**defaults.get(group, {}), **groups.get(group, {})}
            lines += [f'{key} = {value}' for key, value in options.items()]
        return self.write(name, '\n'.join(lines) + '\n')

    def runtime(self, tables=True, **groups):
        """A runtime on such a file, without logging of its own.

        :param tables: make the tables
        """
        path = self.config_file(**groups)
        conf = config.load_config(['--config-file', path])
        runtime = service.make_runtime(conf, policy.Policy(conf))
        self.addCleanup(runtime.db.dispose)
        if tables:
            # Quicker than the migrations, to which a test of its own
            # compares it.
            models.metadata.create_all(runtime.db.engine())
        return runtime
