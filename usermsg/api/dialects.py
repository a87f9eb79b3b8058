# SPDX-License-Identifier: Apache-2.0
"""What the answers of an API have in common: its versions and its errors.

Three APIs are served: usermsg's own, and the two of :mod:`usermsg.api.facades`
that clients of other services already speak. The first segment of the path
says which.
"""

from pecan import hooks

from usermsg.api import errors
from usermsg.api.facades import share
from usermsg.api.facades import volume
from usermsg.api import microversion


_BY_SEGMENT = {volume.SEGMENT: volume.DIALECT,
               share.SEGMENT: share.DIALECT}


def of(path):
    """The dialect for a path.

    :returns: a :class:`usermsg.api.microversion.Dialect`
    """
    return _BY_SEGMENT.get(path[1:].partition('/')[0], microversion.NATIVE)


class VersionHook(hooks.PecanHook):
    """Every answer states its version, errors too."""

    def after(self, state):
        state.request.dialect.state(state.request, state.response)


class ErrorHook(hooks.PecanHook):
    """Handlers raise; here it becomes an answer."""

    def on_error(self, state, error):
        request = state.request
        request_id = request.environ['openstack.request_id']
        return of(request.environ.get('PATH_INFO', '')).fault(
            errors.ours(error, request.environ), request_id)
