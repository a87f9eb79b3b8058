# SPDX-License-Identifier: Apache-2.0
"""Routes: verb, path, rule and schemas, declared beside their handler.

Requests are dispatched with the table of routes, and the OpenAPI description
is generated from it.
"""

import collections
import collections.abc
import dataclasses
import inspect
import re

from usermsg.api import errors


@dataclasses.dataclass(frozen=True)
class Route:
    """One operation of the API.

    :param path: ``{name}`` matches one segment, and ``<name>`` is replaced by
        an attribute of the handler's controller
    :param rule: the policy rule that is enforced before the handler runs;
        None if no token is required
    :param query: name -> JSON schema of each query parameter; None if the
        handler enforces the rule and parses the query itself
    :param body: JSON schema of the request body; None without one
    :param responses: status -> JSON schema of the body, or None without one,
        of each successful response
    :param text: description for users of the API: the first line is a summary
    """

    method: str
    path: str
    rule: str | None = None
    query: collections.abc.Mapping | None = None
    body: collections.abc.Mapping | None = None
    responses: collections.abc.Mapping = dataclasses.field(
        default_factory=dict)
    text: str = ''

    def for_controller(self, controller):
        """Return the route with the controller's attributes in its path."""
        return dataclasses.replace(self, path=re.sub(
            r'<(\w+)>', lambda match: getattr(controller, match[1]),
            self.path))


def handle(method, *paths, rule=None, query=None, body=None, responses=()):
    """Declare the routes of a handler, ``handler(self, request, response)``.

    A handler reads top to bottom: input, one call, a view. It returns a
    response, and catches no errors. Its docstring is documentation for users
    of the API. The parameters are those of :class:`Route`.
    """
    def declare(handler):
        handler.routes = tuple(
            Route(method, path, rule, query, body, dict(responses),
                  inspect.getdoc(handler))
            for path in paths)
        return handler
    return declare


class Table:
    """The routes of several controllers.

    :param controllers: objects with methods that are declared with
        :func:`handle`
    """

    def __init__(self, controllers):
        self.routes = []
        methods = {}
        for controller in controllers:
            for name in dir(type(controller)):
                handler = getattr(controller, name)
                for declared in getattr(handler, 'routes', ()):
                    route = declared.for_controller(controller)
                    self.routes.append(route)
                    methods.setdefault(route.path, {})[route.method] = (
                        route, handler)
        for path, by_method in methods.items():
            if 'GET' in by_method:
                # WebOb sends no body.
                by_method.setdefault('HEAD', by_method['GET'])
            by_method['OPTIONS'] = (
                Route('OPTIONS', path), _allow([*by_method, 'OPTIONS']))
        # Fixed segments are matched before variable ones, so "messages" is
        # never a project id.
        self._methods = collections.defaultdict(list)
        for path in sorted(methods, key=lambda path: [
                name.startswith('{') for name in path.split('/')]):
            self._methods[_depth(path)].append(
                (_compile(path), methods[path]))

    def find(self, method, path):
        """Return the route that matches a request.

        :param path: with or without a trailing slash
        :returns: the route, its handler and a dict of the path's values
        :raises usermsg.api.errors.NotFound: no route has this path
        :raises usermsg.api.errors.MethodNotAllowed: the path has no route
            with this method
        """
        for pattern, by_method in self._methods.get(_depth(path), ()):
            match = pattern.fullmatch(path)
            if match:
                if method not in by_method:
                    raise errors.MethodNotAllowed(by_method)
                return *by_method[method], match.groupdict()
        raise errors.NotFound()


def _allow(methods):
    """Return a handler that lists the methods of a path."""
    def options(request, response):
        response.status = 204
        response.headers['Allow'] = ', '.join(sorted(methods))
        return response
    return options


def _depth(path):
    """Return the number of segments, without a trailing slash."""
    return path.count('/') - path.endswith('/')


def _compile(path):
    names = re.sub(r'\\{(\w+)\\}', r'(?P<\1>[^/]*)', re.escape(path))
    return re.compile(names.rstrip('/') + '/?')
