# SPDX-License-Identifier: Apache-2.0
"""Base of tests: a configuration, a database and a runtime for each."""

import pathlib

import fixtures
from oslotest import base

from usermsg import config
from usermsg.db import models
from usermsg import policy
from usermsg import service

#: The repository, with the documentation, examples and tools under test.
ROOT = pathlib.Path(__file__).parents[2]

#: Directory of test data.
DATA = pathlib.Path(__file__).parent / 'fixtures' / 'data'

#: Options of [api] that let a WSGI server start and links refer to it.
EXPOSED = {'allow_insecure_noauth': 'true', 'trust_host_header': 'true'}


class TestCase(base.BaseTestCase):

    def setUp(self):
        super().setUp()
        # Warnings of libraries about usermsg's code fail the test.
        self.useFixture(fixtures.WarningsFilter([
            {'action': 'error', 'module': r'usermsg\b'}]))
        # The configuration of the user who runs the tests must not be read.
        self.home = pathlib.Path(self.useFixture(fixtures.TempDir()).path)
        self.useFixture(fixtures.EnvironmentVariable('HOME', str(self.home)))
        self.useFixture(fixtures.EnvironmentVariable(
            config.CONFIG_FILES_VARIABLE))

    def write(self, name, text):
        """Write a file in this test's directory; return its path."""
        path = self.home / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding='utf-8')
        return str(path)

    def sqlite_url(self, name='usermsg.sqlite'):
        return f'sqlite:///{self.home / name}'

    def config_file(self, name='usermsg.conf', **groups):
        """Write a configuration file.

        :param groups: group -> a dict of its options; the defaults are
            noauth, a database of this test and a record_timeout that is
            enough for a busy machine
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
        """Return a runtime on a configuration file, without logging.

        :param tables: create the tables
        """
        path = self.config_file(**groups)
        conf = config.load_config(['--config-file', path])
        runtime = service.make_runtime(conf, policy.Policy(conf))
        self.addCleanup(runtime.db.dispose)
        if tables:
            # Faster than the migrations; a separate test compares the
            # resulting schemas.
            models.metadata.create_all(runtime.db.engine())
        return runtime
