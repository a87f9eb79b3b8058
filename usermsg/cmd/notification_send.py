# SPDX-License-Identifier: Apache-2.0
"""Command ``usermsg-manage notification send``."""

import argparse
import json
import logging
import sys

from usermsg.cmd import db as db_command
from usermsg.cmd import option_types
from usermsg import config
from usermsg.notifications import direct
from usermsg.notifications.drivers import loader
from usermsg.notifications import notification
from usermsg.outbox import writer

_DEFAULT_PAYLOAD = {
    'text': 'Sent manually, with usermsg-manage notification send.'}

#: Maximum size of a payload in bytes; more than most brokers accept.
MAX_SIZE = 16 * 1024 * 1024


def parse_payload(text):
    """Parse JSON, for argparse, whose error names the option."""
    if text == '-':
        data = sys.stdin.buffer.read(MAX_SIZE + 1)
        if len(data) > MAX_SIZE:
            raise argparse.ArgumentTypeError(
                f'standard input is longer than {MAX_SIZE:,} bytes')
        text = data.decode('utf-8', 'replace')
    try:
        return json.loads(text, parse_constant=_reject_constant)
    except (ValueError, RecursionError) as error:
        place = (f' (line {error.lineno}, column {error.colno})'
                 if isinstance(error, json.JSONDecodeError) else '')
        raise argparse.ArgumentTypeError(f'not valid JSON{place}') from None


def _reject_constant(name):
    raise ValueError


class Send(db_command.Command):
    """Send one notification, to test the configured drivers.

    The notification is sent immediately, through one driver after the other,
    without the outbox and without a database. The command logs as the service
    does, so the driver "logging" writes to the same log. The exit status is 0
    only if all drivers have delivered the notification.
    """

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        parser.add_argument(
            '--event-type', metavar='TYPE', default='usermsg.test',
            type=option_types.event_type,
            help='event type (default: usermsg.test)')
        parser.add_argument(
            '--priority', type=str.upper, default=notification.INFO,
            choices=notification.PRIORITIES,
            help='priority (default: INFO)')
        parser.add_argument(
            '--payload', metavar='JSON', type=parse_payload,
            default=_DEFAULT_PAYLOAD,
            help='payload; "-" reads it from standard input (default: a '
                 'short text)')
        parser.add_argument(
            '--driver', metavar='NAME', action='append',
            type=option_types.driver,
            help='driver to use instead of the configured ones; may be given '
                 'several times')
        return parser

    def take_action(self, parsed_args):
        conf = self.app.conf
        if parsed_args.driver:
            conf.set_override('driver', parsed_args.driver,
                              'oslo_messaging_notifications')
        option = '--driver' if parsed_args.driver else loader.OPTION
        if not writer.configured_drivers(conf):
            self.say(
                f'{option} names no driver that sends notifications (noop '
                f'does not): nothing was sent.')
            return 1
        sent = notification.Notification(
            parsed_args.event_type, parsed_args.payload,
            priority=parsed_args.priority,
            publisher_id=writer.publisher_id(conf))
        drivers = loader.load(conf, option)
        try:
            config.set_up_logging(conf)
            for handler in logging.getLogger().handlers:
                # Standard output is reserved for the results.
                if getattr(handler, 'stream', None) is sys.stdout:
                    handler.setStream(sys.stderr)
            return self._send(sent, drivers)
        finally:
            loader.close(drivers)

    def _send(self, sent, drivers):
        """Send, print the results, and return the exit status."""
        self.say(f'{sent.message_id}: {sent.event_type}, {sent.priority}, '
                 f'from {sent.publisher_id}')
        status = 0
        for name, error in direct.Direct(drivers).deliver(sent):
            if name == writer.NOOP:
                self.say(f'{name}: sends nothing')
            elif error is not None:
                self.say(f'{name}: failed: {error}')
                status = 1
            elif not loader.reports_failures(drivers[name]):
                self.say(f'{name}: handed over; this driver does not report '
                         f'whether it was delivered')
                status = 1
            else:
                self.say(f'{name}: delivered')
        return status
