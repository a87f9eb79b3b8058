# SPDX-License-Identifier: Apache-2.0
"""OpenAPI 3.1 description of the API, generated from its routes."""

import re

from usermsg.api import microversion
from usermsg.api import schemas
from usermsg import validation

_JSON = 'application/json'
_STRING = {'schema': {'type': 'string'}}

#: Schema of each ``{name}`` in a path. With any other value the path is not
#: found.
PATH_PARAMETERS = {
    # Printable ASCII, like all project ids, without "/", which ends a segment.
    'project_id': {'type': 'string', 'minLength': 1,
                   'maxLength': validation.PROJECT_ID,
                   'pattern': r'^[!-.0-~]([ -.0-~]*[!-.0-~])?$'},
    'message_id': {'type': 'string', 'format': 'uuid'},
    'event_id': {'type': 'string', 'minLength': 1, 'pattern': '^[^/]+$'},
}

#: Status -> meaning of a response with this status.
_RESPONSES = {
    '200': 'The request succeeded.',
    '201': 'Recorded. For a single message, Location is its URL.',
    '204': 'The request succeeded; the response has no body.',
    '304': 'The cached response with this ETag is still valid.',
    '400': 'The request is invalid; the detail names the cause.',
    '401': 'The request requires a valid token.',
    '403': 'The policy doesn\'t permit the request.',
    '404': 'The resource doesn\'t exist, or the client may not see it.',
    '406': 'The microversion isn\'t supported.',
    '409': 'The source_id was already used with different content.',
    '410': 'The message recorded with the source_id has been deleted.',
    '411': 'The request has no Content-Length.',
    '413': 'The request body is too large.',
    '415': 'The request body is not JSON.',
    '429': 'Too many requests. Retry-After contains the seconds to wait.',
    '503': 'The service is temporarily unavailable.',
    'default': 'The request failed.',
}


def _header(name, description, **more):
    return {'name': name, 'in': 'header', 'description': description,
            'schema': {'type': 'string'}, **more}


#: Headers that each operation accepts.
_HEADERS = {
    'version': _header(
        microversion.HEADER,
        'The requested microversion; the lowest one if it is left out.',
        example=f'{microversion.SERVICE_TYPE} '
                f'{microversion.text(microversion.NATIVE.maximum)}'),
    'request_id': _header('X-OpenStack-Request-ID',
                          'The id of the request that this one is part of.'),
    'language': _header('Accept-Language',
                        'The preferred languages of texts.'),
}

#: The header of operations whose responses can be cached.
_TAG = _header('If-None-Match', 'The ETag of a cached response: if it is '
                                'still valid, the response is 304.')


def describe(routes):
    """Return the OpenAPI description, a dict, without the server's URL.

    :param routes: :class:`usermsg.api.route.Route` objects
    """
    paths = {}
    for route in routes:
        paths.setdefault(route.path, {})[route.method.lower()] = (
            _operation(route))
    _add_links(paths)
    return {
        'openapi': '3.1.0',
        'info': {
            'title': 'User messages',
            'version': microversion.text(microversion.NATIVE.maximum),
            'description': 'Messages that explain the results of asynchronous '
                           'operations.',
            'license': {'name': 'Apache-2.0', 'identifier': 'Apache-2.0'},
        },
        'paths': paths,
        'components': {
            'schemas': {'Error': schemas.ERROR},
            'parameters': _HEADERS,
            'responses': {
                f'error_{status}': _response(
                    status, {'$ref': '#/components/schemas/Error'})
                for status in _RESPONSES if status[0] not in '23'},
            'securitySchemes': {'token': {
                'type': 'apiKey', 'in': 'header', 'name': 'X-Auth-Token'}},
        },
    }


def operation_id(route):
    """Return the operation id of a route.

    For ``GET /v3/{project_id}/messages`` it is
    ``get_v3_project_id_messages``.
    """
    names = re.findall(r'[^/{}]+', route.path)
    return '_'.join([route.method.lower(), *(
        re.sub('[^a-z0-9]', '_', name) for name in names)])


def _operation(route):
    summary, _, description = route.text.partition('\n\n')
    operation = {
        'operationId': operation_id(route),
        'summary': summary,
        'parameters': _parameters(route),
        'responses': _responses(route),
        'security': [{'token': []}] if route.rule else [],
    }
    if description:
        operation['description'] = description
    if route.rule:
        operation['x-policy-rule'] = route.rule
    if route.body:
        operation['requestBody'] = {
            'required': True, 'content': {_JSON: {'schema': route.body}}}
    return operation


def _parameters(route):
    return [
        *({'name': name, 'in': 'path', 'required': True,
           'schema': PATH_PARAMETERS[name]}
          for name in re.findall('{(.*?)}', route.path)),
        *(_in_query(*item) for item in (route.query or {}).items()),
        *({'$ref': f'#/components/parameters/{name}'} for name in _HEADERS),
        *([_TAG] if 304 in route.responses else []),
    ]


def _in_query(name, schema):
    schema = dict(schema)
    description = schema.pop('description', None)
    parameter = {'name': name, 'in': 'query', 'schema': schema}
    if description:
        parameter['description'] = description
    return parameter


def _responses(route):
    responses = {
        str(status): _response(str(status), schema)
        for status, schema in route.responses.items()}
    if 304 in route.responses:
        for status in ('200', '304'):
            responses[status]['headers']['ETag'] = dict(_STRING)
    if 201 in route.responses:
        responses['201']['headers']['Location'] = dict(_STRING)
    statuses = ['400', '406', '503', 'default']
    if '{' in route.path:
        statuses.append('404')
    if route.rule:
        statuses += ['401', '403']
    if route.body:
        statuses += ['411', '413', '415']
    for status in sorted(set(statuses) - set(responses)):
        responses[status] = {'$ref': f'#/components/responses/error_{status}'}
    return responses


def _response(status, schema):
    response = {'description': _RESPONSES[status], 'headers': {
        'X-OpenStack-Request-Id': dict(_STRING)}}
    if schema is not None:
        response['content'] = {_JSON: {'schema': schema}}
    return response


#: Links from an id in a response to operations on it: path, method and status
#: of the response, JSON pointer of the id; path and methods of the operations.
_LINKS = (
    ('/v3/messages', 'post', '201', 'message/id',
     '/v3/messages/{message_id}', ('get', 'delete')),
    ('/v3/messages', 'get', '200', 'messages/0/id',
     '/v3/messages/{message_id}', ('get', 'delete')),
    ('/v3/defined-messages', 'get', '200', 'defined_messages/0/id',
     '/v3/defined-messages/{event_id}', ('get',)),
)


def _add_links(paths):
    for path, method, status, pointer, target, verbs in _LINKS:
        [name] = re.findall('{(.*?)}', target)
        paths[path][method]['responses'][status]['links'] = {
            verb: {
                'operationId': paths[target][verb]['operationId'],
                'parameters': {name: f'$response.body#/{pointer}'}}
            for verb in verbs}
