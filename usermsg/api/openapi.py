# SPDX-License-Identifier: Apache-2.0
"""The API described in OpenAPI 3.1, from the routes that serve it."""

import re

from usermsg.api import microversion
from usermsg.api import schemas
from usermsg import validation

_JSON = 'application/json'

#: What ``{name}`` in a path stands for. Anything else is not there.
IN_PATH = {
    # Printable ASCII, like all ids of projects, without what ends a segment.
    'project_id': {'type': 'string', 'minLength': 1,
                   'maxLength': validation.PROJECT_ID,
                   'pattern': r'^[!-.0-~]([ -.0-~]*[!-.0-~])?$'},
    'message_id': {'type': 'string', 'format': 'uuid'},
    'event_id': {'type': 'string', 'minLength': 1, 'pattern': '^[^/]+$'},
}

#: Status -> what a response with it says.
_RESPONSES = {
    '200': 'As it was asked for.',
    '201': 'Recorded. Location is the address of a single message.',
    '204': 'Done; there is no more to say.',
    '304': 'What was kept with this ETag still holds.',
    '400': 'Something about the request is wrong; the detail names it.',
    '401': 'The request needs a valid token.',
    '403': 'The policy doesn\'t allow it.',
    '404': 'There is no such thing, or not for who asks.',
    '406': 'The microversion isn\'t supported.',
    '409': 'A source_id was used before, for another content.',
    '410': 'A source_id was used before, for a message that is deleted.',
    '411': 'The body has no Content-Length.',
    '413': 'The body is too large.',
    '415': 'The body is not JSON.',
    '503': 'The service can\'t work at the moment.',
    'default': 'The request can\'t be served.',
}


def _header(name, description, **more):
    return {'name': name, 'in': 'header', 'description': description,
            'schema': {'type': 'string'}, **more}


#: Headers that each operation takes.
_HEADERS = {
    'version': _header(
        microversion.HEADER,
        'The microversion that is wanted; the lowest if it is left out.',
        example=f'{microversion.SERVICE_TYPE} '
                f'{microversion.text(microversion.NATIVE.maximum)}'),
    'request_id': _header('X-OpenStack-Request-ID',
                          'The request that this one is a part of.'),
    'language': _header('Accept-Language', 'The language of the texts.'),
}

#: The header of operations whose answers can be kept.
_TAG = _header('If-None-Match', 'The ETag of an answer that was kept: if it '
                                'still holds, the answer is 304.')


def describe(routes):
    """The description, a dict, without the address of the server.

    :param routes: :class:`usermsg.api.route.Route` objects
    """
    paths = {}
    for route in routes:
        paths.setdefault(route.path, {})[route.method.lower()] = (
            _operation(route))
    _link(paths)
    return {
        'openapi': '3.1.0',
        'info': {
            'title': 'User messages',
            'version': microversion.text(microversion.NATIVE.maximum),
            'description': 'Why asynchronous operations ended as they did.',
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
    """``get_v3_project_id_messages`` of ``GET /v3/{project_id}/messages``."""
    names = re.findall(r'[^/{}]+', route.path)
    return '_'.join([route.method.lower(), *(
        re.sub('[^a-z0-9]', '_', name) for name in names)])


def _operation(route):
    summary, _, description = route.text.partition('\n\n')
    found = {
        'operationId': operation_id(route),
        'summary': summary,
        'parameters': _parameters(route),
        'responses': _responses(route),
        'security': [{'token': []}] if route.rule else [],
    }
    if description:
        found['description'] = description
    if route.rule:
        found['x-policy-rule'] = route.rule
    if route.body:
        found['requestBody'] = {
            'required': True, 'content': {_JSON: {'schema': route.body}}}
    return found


def _parameters(route):
    return [
        *({'name': name, 'in': 'path', 'required': True,
           'schema': IN_PATH[name]}
          for name in re.findall('{(.*?)}', route.path)),
        *(_in_query(*item) for item in (route.query or {}).items()),
        *({'$ref': f'#/components/parameters/{name}'} for name in _HEADERS),
        *([_TAG] if 304 in route.answers else []),
    ]


def _in_query(name, schema):
    schema = dict(schema)
    description = schema.pop('description', None)
    found = {'name': name, 'in': 'query', 'schema': schema}
    if description:
        found['description'] = description
    return found


def _responses(route):
    found = {
        str(status): _response(str(status), schema)
        for status, schema in route.answers.items()}
    if 304 in route.answers:
        for status in ('200', '304'):
            found[status]['headers']['ETag'] = {'schema': {'type': 'string'}}
    if 201 in route.answers:
        found['201']['headers']['Location'] = {'schema': {'type': 'string'}}
    statuses = ['400', '406', '503', 'default']
    if '{' in route.path:
        statuses.append('404')
    if route.rule:
        statuses += ['401', '403']
    if route.body:
        statuses += ['409', '410', '411', '413', '415']
    for status in sorted(set(statuses) - set(found)):
        found[status] = {'$ref': f'#/components/responses/error_{status}'}
    return found


def _response(status, schema):
    found = {'description': _RESPONSES[status], 'headers': {
        'X-OpenStack-Request-Id': {'schema': {'type': 'string'}}}}
    if schema is not None:
        found['content'] = {_JSON: {'schema': schema}}
    return found


#: What can be asked for next by an id in a response: the operation, the
#: status and the place of the id; a path and methods for it.
_LINKS = (
    ('/v3/messages', 'post', '201', 'message/id',
     '/v3/messages/{message_id}', ('get', 'delete')),
    ('/v3/messages', 'get', '200', 'messages/0/id',
     '/v3/messages/{message_id}', ('get', 'delete')),
    ('/v3/defined-messages', 'get', '200', 'defined_messages/0/id',
     '/v3/defined-messages/{event_id}', ('get',)),
)


def _link(paths):
    for path, method, status, place, following, verbs in _LINKS:
        [name] = re.findall('{(.*?)}', following)
        paths[path][method]['responses'][status]['links'] = {
            verb: {
                'operationId': paths[following][verb]['operationId'],
                'parameters': {name: f'$response.body#/{place}'}}
            for verb in verbs}
