# SPDX-License-Identifier: Apache-2.0
"""Messages as they arrive: the option ``--watch`` of the list."""

import logging
import time

from keystoneauth1 import exceptions as ksa_exceptions
from openstack import exceptions as sdk_exceptions

from usermsgclient.osc import base

LOG = logging.getLogger(__name__)

#: Seconds between two requests.
INTERVAL = 5

#: Statuses that may end without a change of the request: too many requests,
#: and a service or a proxy that restarts.
_TEMPORARY = (429, 502, 503, 504)


def follow(client, filters, marker=None, sleep=time.sleep):
    """Yield new messages without end, the oldest first.

    Each message is yielded once, when it is older than the delay of the
    service for ascending lists. Temporary failures after the first request
    are logged.

    :param client: a :class:`usermsgclient.v3._proxy.Proxy`
    :param filters: parameters of its ``messages``
    :param marker: id after which the messages begin; if it and
        ``created_since`` are None, they begin with those of the last seconds,
        which ascending lists hold back
    :param sleep: function that waits a number of seconds
    """
    if marker is None and filters.get('created_since') is None:
        # Not the newest message: one with an earlier id can be committed
        # after it.
        marker = client.message_summary(**{
            name: value for name, value in filters.items()
            if name in ('all_projects', 'project_id')}).follow_id
    has_succeeded = False
    while True:
        try:
            for message in client.messages(
                    sort='created_at:asc', marker=marker, **filters):
                # First, so that an exception of the caller doesn't repeat it.
                marker = message.id
                yield message
            has_succeeded = True
        except (ksa_exceptions.ConnectFailure,
                sdk_exceptions.HttpException) as error:
            status = getattr(error, 'status_code', None)
            if not has_succeeded or status not in (*_TEMPORARY, None):
                raise
            LOG.warning('%s', base.format_error(error))
        sleep(INTERVAL)
