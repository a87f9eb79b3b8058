# SPDX-License-Identifier: Apache-2.0
"""Command ``usermsg-manage listener record``."""

import math
import os
import time

from cliff import command

from usermsg.cmd import option_types
from usermsg.cmd import signals
from usermsg import exception
from usermsg.listener import recording
from usermsg.notifications.drivers import loader
from usermsg.notifications.drivers.rabbit import received_message
from usermsg.notifications.drivers.rabbit import settings
from usermsg.notifications.drivers.rabbit import subscription

_NAME = option_types.identifier(200)

#: Maximum number of seconds between two checks for the end of the command.
_POLL_INTERVAL = 0.3


class Record(command.Command):
    """Record notifications of a broker in a file, without secrets.

    It ends with --count, with --seconds or with Ctrl-C. "usermsg-manage
    listener test" reads the file. The command receives copies, so other
    consumers miss none; if more arrive than it can write, the oldest are
    dropped. Passwords, tokens and the request contexts except for ids are not
    recorded, but names and texts in the notifications are: check the file
    before you pass it on.
    """

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        parser.add_argument(
            'file', metavar='FILE.jsonl',
            help='file to create, readable by its owner alone; an existing '
                 'file is never overwritten')
        parser.add_argument(
            '--transport', metavar='NAME',
            help='transport of [listener] transports whose exchanges and '
                 'topics are recorded (default: the first one)')
        parser.add_argument(
            '--exchange', metavar='NAME', action='append', type=_NAME,
            help='exchange to record instead of the configured ones; may be '
                 'given several times')
        parser.add_argument(
            '--topic', metavar='NAME', action='append', type=_NAME,
            help='topic to record instead of the configured ones; may be '
                 'given several times')
        parser.add_argument(
            '--count', metavar='N', type=option_types.number(1, 1_000_000),
            default=100_000,
            help='end after N notifications: 1 to 1000000 (default: 100000)')
        parser.add_argument(
            '--seconds', metavar='N', type=option_types.seconds,
            default=math.inf, help='end after that time')
        return parser

    def take_action(self, parsed_args):
        source = self._subscription(parsed_args)
        self._end = time.monotonic() + parsed_args.seconds
        number = 0
        try:
            with signals.Interruptions() as interruptions:
                self._open(source, interruptions)
                with _create(parsed_args.file) as file:
                    while (number < parsed_args.count and
                           not self._is_over(interruptions)):
                        for message in source.read(_POLL_INTERVAL)[
                                :parsed_args.count - number]:
                            file.write(f'{recording.build_line(message)}\n')
                            number += 1
        except received_message.ConnectionLost as error:
            raise RuntimeError(
                f'The connection to RabbitMQ was lost: {error}. {number} '
                f'notifications have been recorded.') from None
        except OSError as error:
            raise RuntimeError(
                f'{parsed_args.file} cannot be written: {error.strerror}. '
                f'{number} notifications have been recorded.') from None
        finally:
            source.close()
        self.app.stdout.write(
            f'{number} notifications have been recorded.\n')

    def _is_over(self, interruptions):
        return (interruptions.arrives_within(0) or
                time.monotonic() > self._end)

    def _subscription(self, parsed_args):
        conf = self.app.conf
        name = parsed_args.transport or conf.listener.transports[0]
        if name not in conf.listener.transports:
            raise exception.InvalidInput(
                '--transport', 'is not one of [listener] transports: '
                f'{", ".join(conf.listener.transports)}.')
        options = conf[f'listener_transport_{name}']
        return subscription.Subscription(
            settings.Broker(loader.get_transport(
                conf, options.transport_url, f'listener_transport_{name}')),
            parsed_args.exchange or options.exchanges,
            [f'{topic}.*' for topic in parsed_args.topic or options.topics],
            declare=False)

    def _open(self, source, interruptions):
        try:
            description = source.open()
        except received_message.ConnectionLost as error:
            raise RuntimeError(
                f'Cannot connect to RabbitMQ: {error}') from None
        # Not on standard output, which programs may read.
        for exchange in source.missing:
            self.app.stderr.write(
                f'The exchange {exchange} does not exist, or this account '
                f'may not read it; it is not recorded.\n')
        self.app.stderr.write(
            f'Recording {description}. Press Ctrl-C to stop.\n')
        self.app.stderr.flush()


def _create(path):
    """Create a file for its owner alone; return it, open for writing.

    :raises usermsg.exception.InvalidInput: it exists
    :raises OSError: it can't be created
    """
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise exception.InvalidInput(
            'FILE', f'{path} exists, and is not overwritten.') from None
    return open(descriptor, 'w', encoding='utf-8')
