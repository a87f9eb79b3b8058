# SPDX-License-Identifier: Apache-2.0
"""Decisions of rules about notifications.

They contain ids of resources, projects and the catalogue only: no text of
another service is kept.
"""

import dataclasses
import datetime

from usermsg.catalogue import catalogue


@dataclasses.dataclass(frozen=True, slots=True)
class Failure:
    """Complete description of a message to the owner of a resource.

    :param rule: name of the rule
    :param user_id: None if it is not known
    :param request_id: None if it is not known
    :param resource_uuid: None if the message concerns no single resource
    :param level: ERROR, WARN or INFO
    :param occurred_at: time of the sender, an aware datetime
    :param key: identity of the failure in its project, ASCII, at most 200
        characters: notifications with the same key report the same failure
    """

    rule: str
    project_id: str
    user_id: str | None
    request_id: str | None
    resource_type: str
    resource_uuid: str | None
    event: catalogue.ResolvedEvent
    level: str
    occurred_at: datetime.datetime
    key: str


@dataclasses.dataclass(frozen=True, slots=True)
class Observation:
    """Part of the description of a failure, for the correlator.

    :param rule: name of the rule
    :param correlation: name of the correlation that it belongs to
    :param kind: ``state`` of a resource, ``cause`` of a failure, or
        ``failure`` of which several notifications report
    :param ident: identity of the observation: that of a repeated delivery is
        equal. ASCII, at most 64 characters
    :param publisher_id: of the notification
    :param observed_at: time of the sender, an aware datetime
    :param resource_uuid: None if the notification doesn't contain it
    :param status: of the resource; None for a cause
    :param cause: constant of a detail of the catalogue; None if unknown
    :param failure: message to write if the correlator confirms the failure;
        None for a cause, which has no owner
    """

    rule: str
    correlation: str
    kind: str
    ident: str
    publisher_id: str
    observed_at: datetime.datetime
    resource_uuid: str | None
    status: str | None
    cause: str | None
    failure: Failure | None


@dataclasses.dataclass(frozen=True, slots=True)
class Forget:
    """Request to delete everything of a project or of a user.

    Exactly one of the ids is set. Only valid from a trusted transport.
    """

    rule: str
    project_id: str | None = None
    user_id: str | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class Ignored:
    """No message.

    :param rule: None if no rule matched
    :param reason: ``suppressed``, ``unmatched``, or ``unusable`` if the
        project or resource can't be stored, or the time of a state is wrong
    """

    rule: str | None
    reason: str
