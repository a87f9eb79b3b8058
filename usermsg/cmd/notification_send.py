# SPDX-License-Identifier: Apache-2.0
"""``usermsg-manage notification send``"""

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

_TEXT = {'text': 'Sent by hand, with usermsg-manage notification send.'}

#: Bytes of a payload at most; more than most brokers take.
LONGEST = 16 * 1024 * 1024


def payload(text):
    """What JSON says, for argparse, which names the option."""
    if text == '-':
        data = sys.stdin.buffer.read(LONGEST + 1)
        if len(data) > LONGEST:
            raise argparse.ArgumentTypeError(
                f'standard input is longer than {LONGEST:,} bytes')
        text = data.decode('utf-8', 'replace')
    try:
        return json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        place = (f' (line {error.lineno}, column {error.colno})'
                 if isinstance(error, json.JSONDecodeError) else '')
        raise argparse.ArgumentTypeError(f'it is not JSON{place}') from None


def _refuse(name):
    raise ValueError


class Send(db_command.Command):
    """Send one notification, to see whether a deployment can.

    Through the drivers that are configured, one after the other, at once:
    not through the outbox, and without a database. It logs as the service
    does, so "logging" writes where that would. The exit status is 0 only if
    all have delivered it.
    """

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        parser.add_argument(
            '--event-type', metavar='TYPE', default='usermsg.test',
            type=option_types.event_type,
            help='what has happened (default: usermsg.test)')
        parser.add_argument(
            '--priority', type=str.upper, default=notification.INFO,
            choices=notification.PRIORITIES,
            help='how important it is (default: INFO)')
        parser.add_argument(
            '--payload', metavar='JSON', type=payload, default=_TEXT,
            help='what it holds; "-" reads it from standard input (default: '
                 'a short text)')
        parser.add_argument(
            '--driver', metavar='NAME', action='append',
            type=option_types.driver,
            help='through this driver, whether it is configured or not; may '
                 'be given several times')
        return parser

    def take_action(self, parsed_args):
        conf = self.app.conf
        if parsed_args.driver:
            conf.set_override('driver', parsed_args.driver,
                              'oslo_messaging_notifications')
        option = '--driver' if parsed_args.driver else loader.OPTION
        if not writer.configured(conf):
            self.say(
                f'{option} names none that sends anything (noop '
                f'does not): nothing was sent.')
            return 1
        told = notification.Notification(
            parsed_args.event_type, parsed_args.payload,
            priority=parsed_args.priority,
            publisher_id=writer.publisher_id(conf))
        drivers = loader.load(conf, option)
        try:
            config.set_up_logging(conf)
            for handler in logging.getLogger().handlers:
                # Standard output is the command's.
                if getattr(handler, 'stream', None) is sys.stdout:
                    handler.setStream(sys.stderr)
            return self._send(told, drivers)
        finally:
            loader.close(drivers)

    def _send(self, told, drivers):
        """Returns the exit status."""
        self.say(f'{told.message_id}: {told.event_type}, {told.priority}, '
                 f'from {told.publisher_id}')
        status = 0
        for name, error in direct.Direct(drivers).outcomes(told):
            if name == writer.NOOP:
                self.say(f'{name}: sends nothing')
            elif error is not None:
                self.say(f'{name}: failed: {error}')
                status = 1
            elif not loader.reports(drivers[name]):
                self.say(f'{name}: handed over; this driver does not say '
                         f'whether it was delivered')
                status = 1
            else:
                self.say(f'{name}: delivered')
        return status
