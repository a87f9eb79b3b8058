# SPDX-License-Identifier: Apache-2.0
"""Rule: conditions on a notification, and the decision if they hold."""

import dataclasses

from usermsg.listener import decisions


@dataclasses.dataclass(frozen=True, slots=True)
class Rule:
    """Rule of a file. Immutable, so thread-safe.

    :param event_types: tuple of :class:`usermsg.listener.glob.Glob`
    :param priorities: frozenset, or None for all
    :param publishers: tuple of globs, or None for all
    :param where: tuple of (:class:`usermsg.listener.path.Path`, condition)
    :param continues: True if the following rules are evaluated too
    :param result: object whose ``decide(rule, notification, document, now)``
        returns a decision
    :param path: of the file
    :param line: of the rule in its file
    """

    name: str
    event_types: tuple
    priorities: frozenset | None
    publishers: tuple | None
    where: tuple
    continues: bool
    result: object
    path: str
    line: int

    def matches(self, notification, document):
        """Return True if the conditions except that of the event type hold.

        :param document: the object on which paths are evaluated
        :raises Exception: of any class, if a path can't be evaluated
        """
        if (self.priorities is not None and
                notification.priority not in self.priorities):
            return False
        if self.publishers is not None and not any(
                publisher.matches(notification.publisher_id)
                for publisher in self.publishers):
            return False
        for path, condition in self.where:
            if not condition.holds(path.evaluate(document)):
                return False
        return True

    def decide(self, notification, document, now):
        return self.result.decide(self.name, notification, document, now)

    def covers(self, other):
        """Return True if it matches all notifications of another rule.

        False if that isn't certain.
        """
        return (
            _cover(self.event_types, other.event_types) and
            (self.priorities is None or
             (other.priorities is not None and
              other.priorities <= self.priorities)) and
            (self.publishers is None or
             (other.publishers is not None and
              _cover(self.publishers, other.publishers))) and
            self._conditions() <= other._conditions())

    def _conditions(self):
        return {(path.expression, condition)
                for path, condition in self.where}


class Suppress:
    """Decision that there is no message."""

    def decide(self, rule, notification, document, now):
        return decisions.Ignored(rule, 'suppressed')


def _cover(globs, others):
    return all(any(glob.covers(other) for glob in globs) for other in others)
