# SPDX-License-Identifier: Apache-2.0
"""Selection of the API dialect, which formats versions and errors.

Three APIs are served: usermsg's native one, and the two of
:mod:`usermsg.api.facades`, which existing clients of other services use. The
first segment of the path identifies the API.
"""

from pecan import hooks

from usermsg.api import errors
from usermsg.api.facades import share
from usermsg.api.facades import volume
from usermsg.api import microversion


_BY_SEGMENT = {volume.SEGMENT: volume.DIALECT,
               share.SEGMENT: share.DIALECT}


def for_path(path):
    """Return the dialect for a path.

    :returns: a :class:`usermsg.api.microversion.Dialect`
    """
    return _BY_SEGMENT.get(path[1:].partition('/')[0], microversion.NATIVE)


class VersionHook(hooks.PecanHook):
    """Hook that adds the version headers to every response, even errors."""

    def after(self, state):
        state.request.dialect.add_version_headers(
            state.request, state.response)


class ErrorHook(hooks.PecanHook):
    """Hook that turns an exception of a handler into a response."""

    def on_error(self, state, error):
        request = state.request
        request_id = request.environ['openstack.request_id']
        dialect = for_path(request.environ.get('PATH_INFO', ''))
        return dialect.error_response(
            errors.to_domain_error(error, request.environ), request_id)
