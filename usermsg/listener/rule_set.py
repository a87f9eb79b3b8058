# SPDX-License-Identifier: Apache-2.0
"""All rules: decisions about notifications."""

import datetime
import functools
import itertools
import pathlib

from usermsg import exception
from usermsg.listener import correlation
from usermsg.listener import decisions
from usermsg.listener import rule_file
from usermsg import yamlfile

#: Directory of the rules that are part of usermsg.
INCLUDED = pathlib.Path(__file__).with_name('rules')

#: Number of event types whose rules are cached. Senders can invent more.
_CACHED_EVENT_TYPES = 4096


class RuleSet:
    """Rules in the order of their evaluation. Immutable, so thread-safe.

    :param rules: iterable of :class:`usermsg.listener.rule.Rule`
    :param correlations: a
        :class:`usermsg.listener.correlation.Correlations`
    """

    def __init__(self, rules, correlations):
        self.rules = tuple(rules)
        self.correlations = correlations
        self._by_event_type, self._by_glob = {}, []
        for position, rule in enumerate(self.rules):
            for pattern in rule.event_types:
                if pattern.is_literal:
                    self._by_event_type.setdefault(
                        pattern.pattern, {})[position] = rule
                else:
                    self._by_glob.append((position, pattern, rule))
        self._candidates = functools.lru_cache(_CACHED_EVENT_TYPES)(
            self._find_candidates)

    def evaluate(self, notification, now):
        """Return the decisions about a notification. Never fails.

        :param notification: a
            :class:`usermsg.listener.notification.Notification`
        :param now: current time, an aware datetime
        :returns: a list of objects of :mod:`usermsg.listener.decisions`, at
            least one
        """
        results = []
        candidates = self._candidates(notification.event_type)
        if candidates:
            document = {
                'payload': notification.payload,
                'context': notification.context,
                'publisher_id': notification.publisher_id,
                'event_type': notification.event_type,
                'priority': notification.priority}
        for rule in candidates:
            try:
                if not rule.matches(notification, document):
                    continue
                results.append(rule.decide(notification, document, now))
            except Exception:
                # Not only Unusable: the sender determines the types and the
                # depth of all values. The error isn't logged, because its
                # text contains values of the notification.
                results.append(decisions.Ignored(rule.name, 'unusable'))
            if not rule.continues:
                break
        return results or [decisions.Ignored(None, 'unmatched')]

    def _find_candidates(self, event_type):
        """Return a tuple of the rules that match an event type, in order."""
        candidates = dict(self._by_event_type.get(event_type, ()))
        for position, pattern, rule in self._by_glob:
            if pattern.matches(event_type):
                candidates[position] = rule
        return tuple(candidates[position] for position in sorted(candidates))

    def warnings(self):
        """Yield sentences about rules that probably don't work as intended.

        They are rules that never match, because an earlier rule matches all
        of their notifications, and regular expressions for any text.
        """
        for index, rule in enumerate(self.rules):
            place = f'{rule.path}:{rule.line}'
            earlier = next((
                other for other in itertools.islice(self.rules, index)
                if not other.continues and other.covers(rule)), None)
            if earlier is not None:
                yield (f'{place}: the rule {rule.name} never matches, '
                       f'because {earlier.name} ({earlier.path}:'
                       f'{earlier.line}) matches all of its notifications.')
            cause = getattr(rule.result, 'cause', None)
            for pattern in cause.patterns if cause else ():
                if pattern.regex.matches_everything:
                    yield (f'{place}: a regex of the rule {rule.name} '
                           f'matches any text: {pattern.regex.pattern}')


def load_directories(directories, catalogue, ignored_projects=frozenset(),
                     window=datetime.timedelta(seconds=2)):
    """Load the rules of directories.

    :param directories: in the order of evaluation; a rule or correlation
        replaces that of the same name in a later directory
    :param catalogue: a :class:`usermsg.catalogue.catalogue.Catalogue`
    :param ignored_projects: container of ids of projects without messages
    :param window: maximum age of a cause, a timedelta
    :returns: a :class:`RuleSet`
    :raises usermsg.exception.ConfigurationError: names the file, the line
        and the reason
    """
    rules, correlations, documents = {}, {}, []
    for directory in directories:
        names = {}
        for path in yamlfile.files(directory):
            document = rule_file.RuleFile(path, catalogue, ignored_projects)
            documents.append(document)
            for rule in document.rules:
                if rule.name in names:
                    other = names[rule.name]
                    raise exception.ConfigurationError(
                        f'name: {rule.name} is also the name of the rule at '
                        f'{other.path}:{other.line}.', rule.path, rule.line)
                names[rule.name] = rule
            for item in document.correlations:
                correlations.setdefault(item.name, item)
        for name, rule in names.items():
            rules.setdefault(name, rule)
    for document in documents:
        document.check_correlations(correlations)
    return RuleSet(rules.values(), correlation.Correlations(
        correlations.values(), catalogue, window))


def directories(conf):
    """Return the directories of rules, in the order of evaluation."""
    configured = conf.listener.rules_dir
    return [*([configured] if configured else ()), str(INCLUDED)]


def load(conf, catalogue):
    """Load the rules that the configuration names, and the included ones.

    :param conf: a cfg.ConfigOpts
    :returns: a :class:`RuleSet`
    :raises usermsg.exception.ConfigurationError: names the file, the line
        and the reason
    """
    options = conf.listener
    return load_directories(
        directories(conf), catalogue, frozenset(options.ignored_projects),
        datetime.timedelta(seconds=options.correlation_window))
