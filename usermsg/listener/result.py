# SPDX-License-Identifier: Apache-2.0
"""Results of rules: the values of a notification that make a decision.

Only ids of the notification, and entries of the catalogue, are part of a
decision. Texts are examined, and never kept.
"""

import dataclasses
import datetime

from usermsg.listener import correlation
from usermsg.listener import decisions
from usermsg.listener import exception_names
from usermsg.listener import failure_key
from usermsg.listener import identifier
from usermsg import validation

#: Values of ``once`` that aren't paths.
OPERATION, NOTIFICATION = 'operation', 'notification'

#: Maximum length of the status of an observation.
STATUS = 64

#: Maximum time from now to a state. One of a publisher with a wrong clock is
#: stored, and would make all states of the resource late until then.
MAX_AHEAD = datetime.timedelta(hours=1)


@dataclasses.dataclass(frozen=True, slots=True)
class Choice:
    """Choice of an entry of the catalogue by a value.

    :param path: None for an entry that doesn't depend on the notification
    :param entries: tuple of (:class:`usermsg.listener.glob.Glob`, entry);
        without a path a single entry, with None instead of the glob
    """

    path: object
    entries: tuple

    def choose(self, document):
        """Return the first entry that matches, or None."""
        if self.path is None:
            return self.entries[0][1]
        value = self.path.evaluate(document)
        if isinstance(value, str):
            for pattern, entry in self.entries:
                if pattern.matches(value):
                    return entry
        return None


@dataclasses.dataclass(frozen=True, slots=True)
class Pattern:
    """Regular expression for a text, and the detail that it means.

    :param detail: an entry; None if the pattern has only groups
    """

    path: object
    regex: object
    detail: object

    def match(self, document):
        """Return the values of the named groups; None without a match."""
        return self.regex.match(self.path.evaluate(document))


@dataclasses.dataclass(frozen=True, slots=True)
class Cause:
    """Choice of a detail by texts, an exception or a value.

    :param namespace: of the details
    :param exception: path of an exception, or None
    :param patterns: tuple of :class:`Pattern`
    :param details: :class:`Choice`
    """

    namespace: object
    exception: object
    patterns: tuple
    details: Choice

    def choose(self, document):
        """Return the detail, and the value of the group ``resource``."""
        groups = {}
        for pattern in self.patterns:
            values = pattern.match(document)
            if values is not None:
                groups = {**values, **groups}
                if pattern.detail is not None:
                    return pattern.detail, groups.get('resource')
        exception = self.exception and self.exception.evaluate(document)
        for text in (exception, groups.get('exception')):
            name = exception_names.class_name(text)
            detail = name and self.namespace.find_detail_by_name(name)
            if detail:
                return detail, groups.get('resource')
        detail = self.details.choose(document)
        return (detail or self.namespace.details[
            self.namespace.UNKNOWN_DETAIL]), groups.get('resource')

    def constant(self, detail):
        """Return the constant of a detail, None for unknown causes."""
        return (None if detail.id == self.namespace.UNKNOWN_DETAIL else
                detail.constant)


@dataclasses.dataclass(frozen=True, slots=True)
class Message:
    """Message about a failure that one notification proves.

    :param catalogue: a :class:`usermsg.catalogue.catalogue.Catalogue`
    :param event: a ResolvedEvent of a whole message, or None
    :param actions: :class:`Choice`, None with an event
    :param cause: :class:`Cause`, None with an event
    :param project: path, as ``user``, ``request`` and ``resource``, of which
        ``user`` and ``resource`` may be None
    :param once: :data:`OPERATION`, :data:`NOTIFICATION` or a path
    :param is_shared: True if the value of ``once`` identifies the failure
        without the resource, which other notifications don't contain
    :param ignored_projects: container of ids of projects without messages
    """

    catalogue: object
    resource_type: str
    event: object
    actions: Choice | None
    cause: Cause | None
    project: object
    user: object
    request: object
    resource: object
    level: str
    once: object
    is_shared: bool
    ignored_projects: frozenset

    def decide(self, rule, notification, document, now):
        return self.describe(rule, notification, document, now)[0]

    def describe(self, rule, notification, document, now):
        """Return the decision, and the detail if it is a Failure."""
        project_id = identifier.required(
            self.project, document, validation.PROJECT_ID)
        if project_id in self.ignored_projects:
            return decisions.Ignored(rule, 'suppressed'), None
        event, detail, resource = self.event, None, None
        if event is None:
            action = self.actions.choose(document)
            if action is None:
                raise identifier.Unusable()
            detail, resource = self.cause.choose(document)
            event = self.catalogue.resolved_events[
                f'{self.cause.namespace.prefix}_{self.resource_type}_'
                f'{action.id}_{detail.id}']
        resource = resource_id(self.resource, resource, document)
        request_id = identifier.optional(
            self.request, document, validation.REQUEST_ID)
        return decisions.Failure(
            rule=rule,
            project_id=project_id,
            user_id=identifier.optional(
                self.user, document, validation.USER_ID),
            request_id=request_id,
            resource_type=self.resource_type,
            resource_uuid=resource,
            event=event,
            level=self.level,
            # The clock of the sender may be fast.
            occurred_at=min(notification.timestamp, now),
            key=self._key(rule, notification, document, event, resource,
                          request_id)), detail

    def _key(self, rule, notification, document, event, resource, request_id):
        if self.once == OPERATION:
            if request_id is not None:
                return failure_key.operation_key(event, resource, request_id)
        elif self.once != NOTIFICATION:
            value = self.once.evaluate(document)
            if value not in identifier.ABSENT and isinstance(
                    value, (str, int, float)):
                return failure_key.value_key(
                    event, None if self.is_shared else resource, value)
        return failure_key.notification_key(rule, notification.message_id)


@dataclasses.dataclass(frozen=True, slots=True)
class Observe:
    """Observation for the correlator.

    :param status: path, or None
    :param message: :class:`Message`; None for a cause
    :param cause: :class:`Cause`; None with the event of a whole message
    :param resource: path, or None
    """

    correlation: str
    kind: str
    status: object
    message: Message | None
    cause: Cause | None
    resource: object

    def decide(self, rule, notification, document, now):
        if (self.kind == correlation.STATE and
                notification.timestamp - now > MAX_AHEAD):
            raise identifier.Unusable()
        if self.message is not None:
            failure, detail = self.message.describe(
                rule, notification, document, now)
            if isinstance(failure, decisions.Ignored):
                return failure
            resource = failure.resource_uuid
        else:
            failure = None
            detail, resource = self.cause.choose(document)
            resource = resource_id(self.resource, resource, document)
        status = identifier.optional(self.status, document, STATUS)
        if status is None and self.status is not None:
            raise identifier.Unusable()
        return decisions.Observation(
            rule=rule,
            correlation=self.correlation,
            kind=self.kind,
            ident=(failure_key.waiting_ident(
                self.kind, self.correlation, failure.key)
                if self.kind in correlation.WAITING else
                failure_key.observation_ident(
                    rule, notification.message_id)),
            publisher_id=notification.publisher_id,
            # Not limited to the current time: all observations of a
            # publisher with a fast clock would be at one time.
            observed_at=notification.timestamp,
            resource_uuid=resource,
            status=status,
            cause=detail and self.cause.constant(detail),
            failure=failure)


@dataclasses.dataclass(frozen=True, slots=True)
class Forget:
    """Request to delete everything of a project or user.

    :param name: ``project`` or ``user``
    """

    name: str
    path: object

    def decide(self, rule, notification, document, now):
        max_length = (validation.PROJECT_ID if self.name == 'project' else
                      validation.USER_ID)
        return decisions.Forget(rule, **{f'{self.name}_id': (
            identifier.required(self.path, document, max_length))})


def resource_id(path, group, document):
    """Return the id of the resource, None if it is absent.

    :param path: None if the rule has none
    :param group: the value of a pattern's group, or None
    """
    value = path and path.evaluate(document)
    return identifier.resource(
        group if value in identifier.ABSENT else value)
