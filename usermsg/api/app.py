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
"""The WSGI application, put together."""

from pecan import core

from usermsg.api import auth
from usermsg.api.controllers import root
from usermsg.api import errors
from usermsg.api import microversion
from usermsg.api import request
from usermsg.api import request_id
from usermsg import exception


def make_app(runtime):
    """The application, from the outside in::

        request id    every answer has one, whatever goes wrong further in
        identity      who asks: keystonemiddleware, or the headers (noauth)
        Pecan         asks the root controller for the handler; maps errors;
                      states the version

    :param runtime: a :class:`usermsg.service.Runtime`
    """
    app = _Application(
        root.Root(runtime),
        hooks=[errors.ErrorHook(), microversion.VersionHook()],
        request_cls=request.Request)
    app = auth.STRATEGIES[runtime.conf.api.auth_strategy](app, runtime.conf)
    return request_id.RequestId(app)


class _Application(core.PecanBase):
    """Pecan, with a table of routes in place of its object routing.

    That would answer ``/v3/messages/__class__`` with a failure, follow
    ``?_method=``, drop what it doesn't know, and look at the signatures of
    what it calls on each request, which costs more than all the rest of it.
    """

    def find_controller(self, state):
        handler = self.root.find(state.request)
        return handler, (state.request, state.response), {}

    def invoke_controller(self, controller, args, kwargs, state):
        state.response = controller(*args, **kwargs)


def refuse_noauth(conf):
    """:raises usermsg.exception.ConfigurationError: others could get in"""
    if (conf.api.auth_strategy == 'noauth' and
            not conf.api.allow_insecure_noauth):
        raise exception.ConfigurationError(
            '[api] auth_strategy is noauth, which lets everybody in. Use '
            'keystone; or, where nobody else can reach the service, set '
            'allow_insecure_noauth = true.')
