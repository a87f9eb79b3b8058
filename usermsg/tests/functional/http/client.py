# SPDX-License-Identifier: Apache-2.0
"""Requests to the application in this process, and what they are about."""

import io
import pathlib
import urllib.parse

import webob

from usermsg import config
from usermsg import context
from usermsg.db import models
from usermsg.message import api as message_api
from usermsg import policy
from usermsg import service

#: Options for tokens that keystonemiddleware's fixture knows: there is no
#: Keystone at these addresses.
KEYSTONE = {
    'api': {'auth_strategy': 'keystone'},
    'keystone_authtoken': {
        'auth_type': 'password', 'username': 'usermsg', 'password': 'secret',
        'auth_url': 'http://keystone.invalid/v3',
        'www_authenticate_uri': 'http://keystone.invalid/'},
}


def make_runtime(directory, **groups):
    """A runtime on a file in a directory, with SQLite and noauth.

    :param groups: group -> a dict of its options
    """
    groups = {
        'database': {'connection': f'sqlite:///{directory}/usermsg.sqlite'},
        'api': {'auth_strategy': 'noauth'},
        # Far longer than it takes, even on a busy machine.
        'messages': {'record_timeout': 60},
        **groups}
    lines = []
    for group, options in groups.items():
        lines.append(f'[{group}]')
        lines += [f'{key} = {value}' for key, value in options.items()]
    path = pathlib.Path(directory, 'usermsg.conf')
    path.write_text('\n'.join(lines), encoding='utf-8')
    conf = config.load_config(['--config-file', str(path)])
    runtime = service.make_runtime(conf, policy.Policy(conf))
    models.metadata.create_all(runtime.db.engine())
    return runtime


def record(runtime, project_id, event_id='VOLUME_000002', request_id=None,
           **values):
    """A message, recorded as a service does it."""
    return message_api.API(runtime).create(
        context.RequestContext(request_id=request_id), event_id, project_id,
        **values)


def headers_of(project_id, *roles):
    """Who asks, where the headers are believed."""
    return {'X-Project-Id': project_id, 'X-User-Id': 'somebody',
            'X-Roles': ','.join(roles)}


def ask(app, address, method='GET', headers=None, body=b''):
    """One request; returns a :class:`webob.Response`.

    :param address: path and query as they stand in a request line; bytes
        above 0x7f as characters of Latin-1
    """
    path, _, query = address.partition('?')
    environ = webob.Request.blank('/').environ
    environ.update({
        'REQUEST_METHOD': method,
        'PATH_INFO': _unquoted(path),
        'QUERY_STRING': query})
    if body:
        environ['wsgi.input'] = io.BytesIO(body)
        environ['CONTENT_LENGTH'] = str(len(body))
    for name, value in (headers or {}).items():
        key = name.upper().replace('-', '_')
        if key not in ('CONTENT_TYPE', 'CONTENT_LENGTH'):
            key = f'HTTP_{key}'
        environ[key] = value
    return webob.Request(environ).get_response(app)


def _unquoted(path):
    return urllib.parse.unquote_to_bytes(
        path.encode('latin-1')).decode('latin-1')
