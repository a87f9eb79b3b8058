# SPDX-License-Identifier: Apache-2.0
"""A request, as handlers see it."""

import functools
import urllib.parse

import pecan
from webob import acceptparse

from usermsg.api import dialects
from usermsg.api import errors
from usermsg.api.middleware import proxy
from usermsg.catalogue import catalogue
from usermsg import context


class Request(pecan.Request):
    """What a handler needs to know, worked out when it asks.

    ``prepare`` is called by the root controller, before anything else.
    """

    def prepare(self, runtime, route, path_values):
        self.environ['usermsg.runtime'] = runtime
        self.environ['usermsg.route'] = route
        self.environ['usermsg.path_values'] = path_values

    @property
    def _runtime(self):
        return self.environ['usermsg.runtime']

    @property
    def route(self):
        return self.environ['usermsg.route']

    @property
    def query(self):
        """A dict of strings, if the route says which keys there may be."""
        return self.environ['usermsg.query']

    def path_value(self, name):
        """What stands in the path at ``{name}``, or None."""
        return self.environ['usermsg.path_values'].get(name)

    @property
    def identity(self):
        """The :class:`usermsg.context.RequestContext` of who asks."""
        try:
            return self.environ['usermsg.context']
        except KeyError:
            # It also becomes the thread's, from which logging takes the
            # request id.
            made = self.environ['usermsg.context'] = (
                context.RequestContext.from_environ(
                    self.environ, policy=self._runtime.policy))
            return made

    @property
    def identified(self):
        """Whether it is known who asks, and which service for them."""
        confirmed = 'Confirmed'
        environ = self.environ
        return (environ.get('HTTP_X_IDENTITY_STATUS') == confirmed and
                environ.get('HTTP_X_SERVICE_IDENTITY_STATUS',
                            confirmed) == confirmed)

    @property
    def global_request_id(self):
        """What the client sent as its request id, or None."""
        return self.environ.get('openstack.global_request_id')

    @property
    def version(self):
        """The microversion that was asked for, (major, minor)."""
        return self.dialect.version(self)

    @property
    def dialect(self):
        """See :func:`usermsg.api.dialects.of`."""
        return dialects.of(self.environ.get('PATH_INFO', ''))

    @property
    def language(self):
        """The one of the catalogue's languages that the reader prefers."""
        header = self.environ.get('HTTP_ACCEPT_LANGUAGE')
        if not header or len(header) > 500:
            return catalogue.ENGLISH
        return _preferred(header, self._runtime.catalogue.languages)

    @property
    def endpoint(self):
        """Start of all links, without a slash at the end.

        :raises usermsg.api.errors.InvalidHost: the client's Host header is
            needed for it, and no host
        """
        conf = self._runtime.conf.api
        if conf.public_endpoint:
            return conf.public_endpoint.rstrip('/')
        environ = self.environ
        if conf.trust_host_header:
            if not proxy.HOST.fullmatch(environ.get('HTTP_HOST', '')):
                raise errors.InvalidHost()
            return self.application_url.rstrip('/')
        # Of usermsg-api on a loopback address: see app.check_exposed.
        address = f'{environ["SERVER_NAME"]}:{environ["SERVER_PORT"]}'
        return (f'{environ["wsgi.url_scheme"]}://{address}'
                f'{environ.get("SCRIPT_NAME", "")}').rstrip('/')

    @property
    def address(self):
        """What was asked for, without the query; begins as all links do."""
        return f'{self.endpoint}{urllib.parse.quote(self.path_info)}'


@functools.lru_cache(maxsize=256)
def _preferred(header, languages):
    parsed = acceptparse.create_accept_language_header(header)
    return parsed.lookup(list(languages), default=catalogue.ENGLISH)
