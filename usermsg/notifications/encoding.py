# Licensed under the Apache License, Version 2.0 (the "License"); you may
# not use this file except in compliance with the License. You may obtain
# a copy of the License at
#
#      http://www.apache.org/licenses/LICENSE-2.0
#
# Unless required by applicable law or agreed to in writing, software
# distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the
# License for the specific language governing permissions and limitations
# under the License.
"""A notification as text, and what goes with it."""

from collections import abc

from oslo_serialization import jsonutils

from usermsg.notifications import errors

# What a context holds that no consumer needs.
_SECRETS = ('auth_token', 'service_token')


def to_json(content, strategy):
    """Content as JSON, in ASCII and without any line break.

    Times, UUIDs and objects are written as oslo.messaging does, since other
    services' payloads hold such things.

    :param strategy: whose error it is
    :raises usermsg.notifications.errors.Refused: JSON can't hold it
    """
    try:
        return jsonutils.dumps(content, allow_nan=False)
    except (TypeError, ValueError, RecursionError):
        # Without the reason, which may repeat the payload.
        raise errors.Refused(
            f'{strategy}: it cannot be written as JSON') from None


def context(ctxt):
    """What a consumer may know of the request: a dict.

    :param ctxt: a RequestContext, a dict or None
    """
    if hasattr(ctxt, 'redacted_copy'):
        ctxt = ctxt.redacted_copy()
    if hasattr(ctxt, 'to_dict'):
        ctxt = ctxt.to_dict()
    if not isinstance(ctxt, abc.Mapping):
        return {}
    return {name: value for name, value in ctxt.items()
            if name not in _SECRETS}
