# SPDX-License-Identifier: Apache-2.0
"""Command ``usermsg-manage listener test``."""

import json

from cliff import lister

from usermsg.catalogue import loader
from usermsg import exception
from usermsg.listener import decisions
from usermsg.listener import envelope
from usermsg.listener import rule_set
from usermsg.notifications.drivers.rabbit import received_message

#: Columns of a message, and of a notification with --verbose.
COLUMNS = ('project_id', 'user_id', 'resource_type', 'resource_uuid',
           'event_id', 'message_level', 'request_id', 'rule')
DECISION_COLUMNS = ('line', 'event_type', 'priority', 'decision')


class Test(lister.Lister):
    """Show the messages that rules would write for recorded notifications.

    Nothing is written. The file has a JSON object in each line: a delivery
    with its body, or only a notification. Failures that several of them
    describe are decided by their own times. With --verbose all notifications
    are listed, with the rule that each matched.
    """

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        parser.add_argument('file', metavar='FILE.jsonl',
                            help='file of recorded notifications')
        parser.add_argument(
            '--rules-dir', metavar='DIR',
            help='directory of rules to test (default: [listener] rules_dir)')
        return parser

    def take_action(self, parsed_args):
        conf = self.app.conf
        if parsed_args.rules_dir is not None:
            conf.set_override('rules_dir', parsed_args.rules_dir, 'listener')
        rules = rule_set.load(
            conf, loader.load(conf.catalogue.overlay_dir))
        for warning in rules.warnings():
            self._warn(warning)
        evaluated = list(self._evaluate(rules, parsed_args.file))
        # The parser of the program takes --verbose, in any place.
        if self.app.options.verbose_level > 1:
            return ((*DECISION_COLUMNS, *COLUMNS),
                    [(number, notification.event_type, notification.priority,
                      _describe(decision), *_row(decision))
                     for number, notification, decision in evaluated])
        made = [decision for _number, _notification, decision in evaluated]
        result = rules.correlations.decide(
            decision for decision in made
            if isinstance(decision, decisions.Observation))
        failures = {}
        for failure in (*(decision for decision in made
                          if isinstance(decision, decisions.Failure)),
                        *result.failures):
            failures.setdefault((failure.project_id, failure.key), failure)
        return COLUMNS, [_row(failure) for failure in failures.values()]

    def _warn(self, line):
        # Not on standard output, which programs may read.
        print(line, file=self.app.stderr)

    def _evaluate(self, rules, path):
        """Yield (number of the line, notification, decision)."""
        for number, line in _read_lines(path):
            try:
                recorded = json.loads(line)
                notification = _parse(recorded)
            except (ValueError, RecursionError) as error:
                # The text of an error of the parser may contain the line.
                reason = (error if isinstance(
                    error, received_message.Malformed) else
                    'It is not JSON.')
                self._warn(f'{path}:{number}: ignored, because it is not a '
                           f'notification. {reason}')
                continue
            # Its own time is the current time, so that the result doesn't
            # depend on the time of the test.
            for decision in rules.evaluate(
                    notification, notification.timestamp):
                yield number, notification, decision


def _read_lines(path):
    """Yield (number, line) of the lines that aren't empty."""
    try:
        with open(path, encoding='utf-8', errors='surrogateescape') as file:
            for number, line in enumerate(file, 1):
                if line.strip():
                    yield number, line
    except OSError as error:
        raise exception.ConfigurationError(
            f'cannot be read: {error.strerror}.', path) from None


def _parse(recorded):
    """Return the notification of a delivery or of its content."""
    if not isinstance(recorded, dict):
        raise received_message.Malformed('It is not a JSON object.')
    if 'body' not in recorded:
        return envelope.parse(json.dumps(recorded))
    headers = recorded.get('headers')
    return envelope.parse(
        recorded['body'],
        headers.get('compression') if isinstance(headers, dict) else None)


def _row(decision):
    """Return the values of the columns, None where there are none."""
    if isinstance(decision, decisions.Observation):
        values = _row(decision.failure) if decision.failure else (
            None, None, None, decision.resource_uuid, None, None, None)
        return (*values[:7], decision.rule)
    if isinstance(decision, decisions.Failure):
        return (decision.project_id, decision.user_id,
                decision.resource_type, decision.resource_uuid,
                decision.event.event_id, decision.level, decision.request_id,
                decision.rule)
    return (getattr(decision, 'project_id', None),
            getattr(decision, 'user_id', None),
            None, None, None, None, None, decision.rule)


def _describe(decision):
    if isinstance(decision, decisions.Failure):
        return 'message'
    if isinstance(decision, decisions.Observation):
        return f'observed {decision.kind} of {decision.correlation}'
    if isinstance(decision, decisions.Forget):
        return 'forget'
    return decision.reason
