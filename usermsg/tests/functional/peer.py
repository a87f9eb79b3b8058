# SPDX-License-Identifier: Apache-2.0
"""Real services whose messages a facade shows as they do."""

import contextlib
import fcntl
import http.client
import json
import shutil
import signal
import subprocess

from usermsg.tests.functional import environments
from usermsg.tests.functional import servers


class Peer(servers.Process):
    """The API of another service, on SQLite, under uWSGI.

    Its ``record`` is the service's own code too, which runs in a process of
    the service's own environment.

    :param authtoken: its options of ``[keystone_authtoken]``
    """

    # Nothing of it is of use afterwards.
    stop_signal = signal.SIGKILL

    #: Of its environment, its files and its programs.
    name = None
    #: The application.
    module = None
    #: Of an event that it records.
    event = None
    #: group -> a dict of its options; may name {environment} and {directory}
    options = {}
    #: Program that records: for each line, a list of entries in JSON, it
    #: does what is to be done and writes "done".
    recorder = None

    def __init__(self, authtoken):
        self._environment = environments.get(self.name)
        super().__init__(ready=self._answers)
        self.env = self._environment.variables(
            LC_ALL='C.UTF-8', TMPDIR=self.directory)
        self._config = self._write_config(authtoken)
        self._recorder = None
        try:
            self._copy_tables()
            self._recorder = subprocess.Popen(
                [self._environment.program('python'), '-c', self.recorder,
                 self._config], env=self.env, text=True,
                stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL)
            self.start_on_free_port(lambda port: [
                self._environment.program('uwsgi'),
                '--http-socket', f'127.0.0.1:{port}', '--master',
                '--enable-threads', '--need-app', '--die-on-term',
                '--module', self.module,
                '--pyargv', f'--config-file {self._config}'])
        except BaseException:
            self.stop()
            raise

    def _write_config(self, authtoken):
        home = self._environment.directory
        groups = {
            **self.options,
            'database': {'connection': 'sqlite:///{directory}/db.sqlite'},
            'keystone_authtoken': authtoken}
        groups['DEFAULT'] = {
            **groups.get('DEFAULT', {}),
            'auth_strategy': 'keystone',
            'transport_url': 'fake:/',
            'state_path': '{directory}',
            'api_paste_config': f'{{environment}}/etc/{self.name}/'
                                'api-paste.ini'}
        lines = []
        for group, options in groups.items():
            lines.append(f'[{group}]')
            lines += [f'{key} = {value}' for key, value in options.items()]
        return self.write('service.conf', '\n'.join(lines).format(
            environment=home, directory=self.directory) + '\n')

    def _copy_tables(self):
        """Made once, kept with the environment, as it takes its time."""
        kept = self._environment.directory / 'tables.sqlite'
        with open(f'{kept}.lock', 'w', encoding='utf-8') as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not kept.exists():
                self._make_tables()
                unfinished = kept.with_suffix('.unfinished')
                shutil.copyfile(self.path('db.sqlite'), unfinished)
                unfinished.rename(kept)
        shutil.copyfile(kept, self.path('db.sqlite'))

    def _make_tables(self):
        self.run([self._environment.program(f'{self.name}-manage'),
                  '--config-file', self._config, 'db', 'sync'])

    @property
    def url(self):
        return f'http://127.0.0.1:{self.port}'

    def record(self, entries):
        """Let the service record outcomes.

        :param entries: a list of dicts: id, project_id, request_id,
            resource_type, resource_uuid, action, detail, level, created_at
        """
        self._recorder.stdin.write(f'{json.dumps(entries)}\n')
        self._recorder.stdin.flush()
        if self._recorder.stdout.readline() != 'done\n':
            raise servers.Failed(f'{self.name} does not record')

    def _answers(self):
        connection = http.client.HTTPConnection(
            '127.0.0.1', self.port, timeout=30)
        with contextlib.closing(connection):
            connection.request('GET', '/')
            connection.getresponse()

    def stop(self, deadline=10):
        if self._recorder is not None:
            # It ends where its input does.
            self._recorder.communicate()
            self._recorder = None
        super().stop(deadline)
