# SPDX-License-Identifier: Apache-2.0
"""Command ``usermsg-manage notification watch``."""

import json
import math
import os
import sys
import time

from cliff import command

from usermsg.cmd import option_types
from usermsg.cmd import signals
from usermsg import exception
from usermsg.notifications.drivers import loader
from usermsg.notifications.drivers.rabbit import received_message
from usermsg.notifications.drivers.rabbit import settings
from usermsg.notifications.drivers.rabbit import subscription
from usermsg.outbox import writer

RABBIT, QPID = 'rabbit', 'qpid'
# Drivers of oslo.messaging that also send to transport_url.
_RABBIT_DRIVERS = ('messaging', 'messagingv2', 'routing')

_NAME = option_types.identifier(200)

#: Seconds between two attempts to reconnect, and between two checks for the
#: end of the command.
_RECONNECT_DELAY = 1
_POLL_INTERVAL = 0.3


class Watch(command.Command):
    """Print the notifications that arrive at RabbitMQ, until Ctrl-C.

    Notifications of all services are shown that arrive at
    [oslo_messaging_notifications] transport_url under the configured topics.
    The command receives copies, so other consumers miss none. Notifications
    that arrived before it started are not shown. For servers of AMQP 1.0,
    where the driver qpid sends, use the tools of the server.
    """

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        parser.add_argument(
            '--driver', choices=(RABBIT, QPID),
            help='driver whose broker is watched, configured or not; qpid is '
                 'not supported (default: qpid if it is configured and no '
                 'driver for RabbitMQ is, otherwise rabbit)')
        parser.add_argument(
            '--topic', metavar='NAME', action='append', type=_NAME,
            help='topic to watch instead of the configured ones; may be '
                 'given several times')
        parser.add_argument(
            '--priority', action='append', type=str.lower,
            choices=received_message.PRIORITIES,
            help='priority to watch; may be given several times (default: '
                 'all)')
        parser.add_argument(
            '--exchange', metavar='NAME', type=_NAME,
            help='exchange to watch; that of glance, for instance, is glance '
                 '(default: [DEFAULT] control_exchange)')
        parser.add_argument(
            '--count', metavar='N', type=option_types.number(1, 100_000),
            help='end after N notifications: 1 to 100000')
        parser.add_argument(
            '--timeout', metavar='SECONDS', type=option_types.seconds,
            help='end after that time; the exit status is 1 if fewer than '
                 '--count notifications arrived')
        parser.add_argument(
            '--format', choices=('text', 'json'), default='text',
            help='print each as a line of text or as a JSON object '
                 '(default: text)')
        return parser

    def take_action(self, parsed_args):
        self._subscription = _subscription(self.app.conf, parsed_args)
        self._remaining = parsed_args.count or math.inf
        self._format = (json.dumps if parsed_args.format == 'json'
                        else _format_line)
        self._end = time.monotonic() + (parsed_args.timeout or math.inf)
        self._has_listened = False
        try:
            with signals.Interruptions() as self._interruptions:
                self._listen()
        except received_message.ConnectionLost as error:
            raise RuntimeError(
                f'Cannot connect to RabbitMQ: {error}') from None
        except BrokenPipeError:
            # The reader of the output has closed it. Python would report a
            # second error at exit.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        finally:
            self._subscription.close()

    def _wait(self, within=0):
        """Wait for some seconds; exit if the command should end."""
        incomplete = self._remaining < math.inf
        if self._interruptions.arrives_within(within):
            sys.exit(signals.INTERRUPTED if incomplete else 0)
        if time.monotonic() > self._end:
            sys.exit(int(incomplete or not self._has_listened))

    def _listen(self):
        delay = 0
        while self._remaining:
            self._wait(delay)
            try:
                if delay or not self._has_listened:
                    source = self._subscription.open(self._wait)
                    self._print_hint(
                        f'Listening to {source}. Press Ctrl-C to stop.')
                    self._has_listened, delay = True, 0
                self._print(self._subscription.read(_POLL_INTERVAL))
            except received_message.ConnectionLost as error:
                if not self._has_listened:
                    raise
                if not delay:
                    self._print_hint(
                        f'Connection to RabbitMQ lost: {error}. '
                        f'Notifications sent until it is restored are not '
                        f'shown.')
                delay = _RECONNECT_DELAY

    def _print(self, messages):
        for message in messages:
            notification = received_message.parse_notification(
                message.body, (message.headers or {}).get('compression'))
            if notification is None:
                self._print_hint(
                    'Ignored a message that is not a notification, or is '
                    'longer than 16 MiB.')
                continue
            self.app.stdout.write(f'{self._format(notification)}\n')
            self._remaining -= 1
            if not self._remaining:
                break
        self.app.stdout.flush()

    def _print_hint(self, text):
        # Not on standard output, which programs may read.
        self.app.stderr.write(f'{text}\n')
        self.app.stderr.flush()


def _subscription(conf, parsed_args):
    """Create the subscription of the configuration and the arguments."""
    if (parsed_args.driver or _driver(conf)) == QPID:
        # Servers differ in whether, and at which address, they provide
        # copies: a message that is shown may be lost to its consumer.
        raise exception.ConfigurationError(
            'qpid: servers of AMQP 1.0 are not supported by this command. '
            'Use a tool of the server: for qpidd that is qpid-receive, for '
            'Artemis "artemis browser". For RabbitMQ, also with its plug-in '
            'for AMQP 1.0, use --driver rabbit with '
            '[oslo_messaging_notifications] transport_url.')
    broker = settings.Broker(loader.get_transport(conf))
    keys = [f'{topic}.{priority}'
            for topic in (parsed_args.topic or
                          conf.oslo_messaging_notifications.topics)
            for priority in parsed_args.priority or '*']
    return subscription.Subscription(
        broker, [parsed_args.exchange or broker.exchange], keys)


def _driver(conf):
    configured = writer.configured_drivers(conf)
    return QPID if QPID in configured and not set(configured) & {
        RABBIT, *_RABBIT_DRIVERS} else RABBIT


def _format_line(notification):
    """Return a notification as one line without control characters."""
    *values, payload = (notification[name] for name in (
        'timestamp', 'priority', 'event_type', 'publisher_id', 'message_id',
        'payload'))
    return ' '.join([*(json.dumps(str(value))[1:-1] for value in values),
                     json.dumps(payload)])
