# SPDX-License-Identifier: Apache-2.0
"""Routes: verb, path, rule and schemas, declared beside their handler.

The table of routes is what requests are routed by, and what the OpenAPI
description is made from.
"""

import collections.abc
import dataclasses
import inspect
import re

from usermsg.api import errors


@dataclasses.dataclass(frozen=True)
class Route:
    """One way into the API.

    :param path: ``{name}`` stands for one segment of it, and ``<name>`` for
        an attribute of the handler's controller
    :param rule: the policy rule that is asked first; None for what needs no
        token
    :param query: name -> JSON schema of each key that the query may have;
        None if the handler asks the rule and looks at the query itself
    :param body: JSON schema of the body; None if there is none
    :param answers: status -> JSON schema of the body, or None, of each
        answer that is no error
    :param text: what it does: the first line is a summary
    """

    method: str
    path: str
    rule: str | None = None
    query: collections.abc.Mapping | None = None
    body: collections.abc.Mapping | None = None
    answers: collections.abc.Mapping = dataclasses.field(
        default_factory=dict)
    text: str = ''

    def of(self, controller):
        """The same, with what a controller has in its attributes."""
        return dataclasses.replace(self, path=re.sub(
            r'<(\w+)>', lambda found: getattr(controller, found[1]),
            self.path))


def handle(method, *paths, rule=None, query=None, body=None, answers=()):
    """Declare the routes of a handler, ``handler(self, request, response)``.

    A handler reads top to bottom: what was asked, one call, a view. It
    returns a response, and lets errors go by. Its docstring is for users of
    the API. The parameters are those of :class:`Route`.
    """
    def declare(handler):
        handler.routes = tuple(
            Route(method, path, rule, query, body, dict(answers),
                  inspect.getdoc(handler))
            for path in paths)
        return handler
    return declare


class Table:
    """All routes of some controllers.

    :param controllers: objects whose methods were declared with
        :func:`handle`
    """

    def __init__(self, controllers):
        self.routes = []
        methods = {}
        for controller in controllers:
            for name in dir(type(controller)):
                handler = getattr(controller, name)
                for declared in getattr(handler, 'routes', ()):
                    route = declared.of(controller)
                    self.routes.append(route)
                    methods.setdefault(route.path, {})[route.method] = (
                        route, handler)
        # Fixed segments before variable ones: "messages" is no project.
        self._methods = [
            (_pattern(path), methods[path]) for path in sorted(
                methods, key=lambda path: [
                    name.startswith('{') for name in path.split('/')])]

    def find(self, method, path):
        """The handler of a request.

        :param path: with or without a slash at its end
        :returns: the route, its handler and a dict of the path's values
        :raises usermsg.api.errors.NotFound: no route has such a path
        :raises usermsg.api.errors.MethodNotAllowed: not with this verb
        """
        for pattern, by_method in self._methods:
            match = pattern.fullmatch(path)
            if match:
                if method not in by_method:
                    raise errors.MethodNotAllowed(by_method)
                return *by_method[method], match.groupdict()
        raise errors.NotFound()


def _pattern(path):
    names = re.sub(r'\\{(\w+)\\}', r'(?P<\1>[^/]*)', re.escape(path))
    return re.compile(names.rstrip('/') + '/?')
