# SPDX-License-Identifier: Apache-2.0
"""Commands of ours, each in a process of its own, as an operator runs them.

What a command imports takes a second. So one process has imported it, and
forks for each command: that has its own standard streams, environment, exit
status and end, as any process.
"""

import functools
import importlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

#: What a command and what it is about to load has in common.
_IMPORTED = ('usermsg.cmd.manage', 'usermsg.cmd.status', 'cliff.lister',
             'oslo_messaging._drivers.impl_rabbit', 'oslo_middleware',
             'oslo_policy._external', 'psycopg2', 'pymysql',
             'sqlalchemy.dialects.sqlite', 'usermsg.cmd.catalogue',
             'usermsg.cmd.db', 'usermsg.cmd.importer',
             'usermsg.cmd.notification_send',
             'usermsg.cmd.notification_watch', 'usermsg.cmd.outbox',
             'usermsg.cmd.purge', 'usermsg.cmd.stats')
_LONGEST = 1 << 16

# Of several threads that start the first command, one starts the starter.
_FIRST = threading.Lock()


def run(command, *arguments, config=None, timeout=120, **environment):
    """Run a command to its end.

    :param command: ``manage`` or ``status``
    :param config: the path of its configuration file
    :param environment: what to change in it
    :returns: a subprocess.CompletedProcess; the streams are text
    """
    if config:
        arguments = ('--config-file', config, *arguments)
    request = json.dumps({
        'command': command, 'arguments': [str(each) for each in arguments],
        'directory': os.getcwd(),
        'environment': {**os.environ, **environment}}).encode()
    with (socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as connection,
          tempfile.TemporaryFile('w+') as output,
          tempfile.TemporaryFile('w+') as errors):
        connection.settimeout(timeout)
        with _FIRST:
            name = _starter()
        connection.connect(name)
        socket.send_fds(connection, [request],
                        [output.fileno(), errors.fileno()])
        pid = int(connection.recv(_LONGEST))
        try:
            code = int(connection.recv(_LONGEST))
        except TimeoutError:
            os.kill(pid, signal.SIGKILL)
            raise subprocess.TimeoutExpired(arguments, timeout) from None
        output.seek(0)
        errors.seek(0)
        return subprocess.CompletedProcess(
            arguments, code, output.read(), errors.read())


manage = functools.partial(run, 'manage')
status = functools.partial(run, 'status')


@functools.lru_cache(maxsize=1)
def _starter():
    """Start what starts them; it ends with this process.

    :returns: the name of its socket, which isn't a file
    """
    name = f'\0usermsg-commands-{os.getpid()}'
    process = subprocess.Popen(
        [sys.executable, '-m', __name__, name[1:]], stdin=subprocess.PIPE,
        stdout=subprocess.PIPE)
    if process.stdout.readline() != b'ready\n':
        raise AssertionError('Commands cannot be started')
    # Kept open; the process is never waited for, and so never collected.
    _starter.process = process
    return name


def _serve(listener):
    """Fork for each request, until standard input ends.

    :returns: in the process of a command: the request
    """
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while True:
        ready, _, _ = select.select([listener, sys.stdin], [], [])
        if sys.stdin in ready:
            os._exit(0)
        connection, _ = listener.accept()
        if os.fork() == 0:
            break
        connection.close()
    # This one waits for the command.
    listener.close()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    data, streams, _, _ = socket.recv_fds(connection, _LONGEST, 2)
    pid = os.fork()
    if pid == 0:
        connection.close()
        for number, stream in enumerate(streams, start=1):
            os.dup2(stream, number)
            os.close(stream)
        return json.loads(data)
    connection.send(str(pid).encode())
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    connection.send(str(status).encode())
    os._exit(0)


def main():
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
        listener.bind('\0' + sys.argv[1])
        listener.listen()
        for name in _IMPORTED:
            importlib.import_module(name)
        print('ready', flush=True)
        request = _serve(listener)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.chdir(request['directory'])
    os.environ.clear()
    os.environ.update(request['environment'])
    time.tzset()
    command = importlib.import_module(f'usermsg.cmd.{request["command"]}')
    sys.argv = [command.__file__, *request['arguments']]
    sys.exit(command.main())


if __name__ == '__main__':
    main()
