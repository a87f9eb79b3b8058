# SPDX-License-Identifier: Apache-2.0
"""Requests that a command repeats for as long as the user waits."""

import contextlib
import logging

from keystoneauth1 import exceptions as ksa_exceptions
from openstack import exceptions as sdk_exceptions

from usermsgclient.osc import base

LOG = logging.getLogger(__name__)

#: Statuses that may end without a change of the request: too many requests,
#: and a service or a proxy that restarts.
_TEMPORARY = (429, 502, 503, 504)


class Poll:
    """Repeated requests, whose temporary failures are logged.

    A failure before the first success is raised: it may be an error in the
    configuration.
    """

    def __init__(self):
        self._has_succeeded = False

    @contextlib.contextmanager
    def attempt(self):
        """Log a temporary failure of the requests in the context."""
        try:
            yield
        except (ksa_exceptions.ConnectionError, ksa_exceptions.HttpError,
                sdk_exceptions.HttpException) as error:
            if not self._has_succeeded or not _is_temporary(error):
                raise
            LOG.warning('%s', base.format_error(error))
        else:
            self._has_succeeded = True


def _is_temporary(error):
    # Keystone's errors at the renewal of the token are keystoneauth's.
    if isinstance(error, ksa_exceptions.ConnectionError):
        return not isinstance(error, ksa_exceptions.SSLError)
    if isinstance(error, ksa_exceptions.HttpError):
        return error.http_status in _TEMPORARY
    return error.status_code in _TEMPORARY
