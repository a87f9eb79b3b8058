# SPDX-License-Identifier: Apache-2.0
"""Rows of a table of messages: texts and links besides the message."""

import dataclasses
import functools

from django.urls import reverse

from usermsg_dashboard import client
from usermsg_dashboard import labels
from usermsg_dashboard import projects
from usermsg_dashboard import resources


@dataclasses.dataclass(frozen=True)
class Row:
    """Message with what a page shows of it.

    ``resource_url`` leads to the resource, or to the note that it is no
    longer visible; None without a page that the user can open.
    """

    message: client.Message
    level: str
    resource_type: str
    url: str
    resource_url: str | None
    project: str | None


def build(request, messages, dashboard='project'):
    """Return a row for each message.

    :param dashboard: ``project`` or ``admin``; the latter looks up the names
        of projects
    """
    names = {}
    if dashboard == 'admin' and messages:
        names = projects.find_names(
            request, {message.project_id for message in messages})
    namespace = f'horizon:{dashboard}:usermsg'

    @functools.cache
    def can_open_pages(resource_type):
        return resources.can_open_pages(request, resource_type, dashboard)

    return [
        Row(message=message,
            level=labels.LEVELS.get(message.level, message.level),
            resource_type=labels.resource_type(message.resource_type),
            url=reverse(f'{namespace}:detail', args=[message.id]),
            resource_url=(
                reverse(f'{namespace}:resource', args=[message.id])
                if resources.find_page(message, dashboard) and
                can_open_pages(message.resource_type) else None),
            project=(names.get(message.project_id, message.project_id)
                     if dashboard == 'admin' else None))
        for message in messages]
