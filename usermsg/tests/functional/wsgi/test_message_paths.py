# SPDX-License-Identifier: Apache-2.0
"""nginx-message-paths.conf in front of an existing service."""

import atexit
import functools
import json
import uuid

from usermsg.message import api as message_api
from usermsg.tests import base
from usermsg.tests.fixtures import deployment
from usermsg.tests.fixtures import http_client
from usermsg.tests.fixtures import message_paths
from usermsg.tests.fixtures import servers

#: Application that returns its name and its WSGI environment.
ECHO = '''
import json
import os

def application(environ, start_response):
    start_response(environ.get('HTTP_ECHO_STATUS', '200 OK'),
                   [('Content-Type', 'application/json'),
                    ('Strict-Transport-Security', 'max-age=1')])
    return [json.dumps({'server': os.environ['SERVER'], **{
        key: value for key, value in environ.items()
        if isinstance(value, str)}}).encode()]
'''

PROJECT = '6c430ede947641288838' + '8d3929ced223'

#: Public endpoint of block storage.
PUBLIC = 'https://cloud.example.org:8776'


class EchoServers:
    """Fakes of a service and of usermsg that return their requests."""

    def __init__(self):
        home = servers.Process()
        atexit.register(home.stop)
        home.write('echo_message_paths.py', ECHO)
        self.service, self.usermsg = (
            self._start(home.directory, SERVER=name)
            for name in ('service', 'usermsg'))
        self.front = message_paths.Front(self.service.url, {
            'proxy_pass https://192.0.2.20/;':
                f'proxy_pass {self.usermsg.url}/;'})
        atexit.register(self.front.stop)

    def _start(self, directory, **env):
        server = servers.Uwsgi(
            'echo_message_paths:application', env=env, options=(
                '--pythonpath', directory, '--buffer-size', '16384'))
        atexit.register(server.stop)
        return server


@functools.cache
def echoes():
    """Return the fake servers of this test process."""
    return EchoServers()


class TestPaths(base.TestCase):

    def setUp(self):
        super().setUp()
        self.front = servers.require(echoes).front

    def request(self, address, method='GET', **headers):
        response, content = self.front.request(address, method, headers)
        self.assertEqual(200, response.status, content)
        return {} if method == 'HEAD' else json.loads(content)

    def assertForwarded(self, server, address, uri):
        request = self.request(address)
        self.assertEqual(
            (server, uri), (request['server'], request['REQUEST_URI']),
            address)

    def test_message_paths_are_forwarded_to_usermsg(self):
        for prefix, version, facade in (
                ('', 'v3', 'volume'), ('/volume', 'v3', 'volume'),
                ('', 'v2', 'share'), ('/share', 'v2', 'share')):
            base_path = f'{prefix}/{version}'
            for path in ('/messages', f'/{PROJECT}/messages', '/messages/',
                         f'/{uuid.uuid4()}/messages/{uuid.uuid4()}',
                         '/messages/1/2', '/-/messages', '/messages.xml',
                         '/messages?limit=1&marker=a%20b&x=%2F..%2F',
                         '/messages/1?a=b.json'):
                self.assertForwarded('usermsg', base_path + path,
                                     f'/{facade}/{version}{path}')

    def test_transport_security_of_usermsg_is_not_that_of_the_service(self):
        for path, expected in (('/v3/messages', None),
                               ('/v3/volumes', 'max-age=1')):
            response, _content = self.front.request(path)
            self.assertEqual(
                expected, response.headers['Strict-Transport-Security'], path)

    def test_json_extension_is_removed(self):
        for path in ('messages', f'{PROJECT}/messages',
                     f'messages/{PROJECT}'):
            self.assertForwarded('usermsg', f'/v3/{path}.json?a=b',
                                 f'/volume/v3/{path}?a=b')
            self.assertForwarded('usermsg', f'/share/v2/{path}.json',
                                 f'/share/v2/{path}')

    def test_encoded_message_paths_are_forwarded_to_usermsg(self):
        for path in ('/v3/%6dessages', '/v3//messages', '//v3/./messages',
                     '/v3/x/../messages', '/v3/%2e%2e/v3/messages',
                     '/v3%2fmessages', '/%76olume/v3/messages',
                     '/v3/x%2f..%2fmessages', '/v3/messages%0a',
                     '/v3/messages/%2e', '/v3/messages/1/..',
                     'http://elsewhere.example.org/v3/messages'):
            request = self.request(path)
            self.assertEqual(
                ('usermsg', '/volume/v3/messages'),
                (request['server'], request['PATH_INFO'].rstrip('/')), path)

    def test_special_characters_of_an_id_stay_within_the_path(self):
        for sent, forwarded in (
                ('a%20b', 'a%20b'), ('%3Fall_tenants=1', None),
                ('%23x', None), ('%2525', '%2525'),
                ('a%0d%0aX-Roles:%20admin%0d%0a%0d%0ab', None),
                ('%e2%82%ac', None), ('%22%27%5c', None),
                ('$uri$1', '$uri$1')):
            request = self.request(f'/v3/messages/{sent}')
            self.assertEqual('usermsg', request['server'])
            self.assertEqual('', request['QUERY_STRING'])
            self.assertNotIn('HTTP_X_ROLES', request)
            self.assertTrue(request['REQUEST_URI'].startswith(
                '/volume/v3/messages/'))
            if forwarded:
                self.assertEqual(f'/volume/v3/messages/{forwarded}',
                                 request['REQUEST_URI'])
            else:
                # Hexadecimal digits may be in either case.
                self.assertIn(sent.lower().replace("%27", "'"),
                              request['REQUEST_URI'].lower().replace(
                                  "%27", "'"))

    def test_other_paths_are_forwarded_to_the_service(self):
        for path in ('/', '/v3', '/v3/', '/volume', '/volume/', '/volume/v3/',
                     '/v2/', '/share/v2/', '/healthcheck',
                     f'/v3/{PROJECT}/messages-other', '/v3/messages-other',
                     '/v3/messagesx', '/v3/messages;a', '/v3/Messages',
                     '/V3/messages', f'/v3/{PROJECT.upper()}/messages',
                     f'/v3/{PROJECT}/volumes/messages', '/v3/volumes/messages',
                     f'/v3/{PROJECT}/volumes/detail?name=/v3/messages',
                     f'/volume/v3/{PROJECT}/volumes/a%20b/..%2f%6d',
                     '/v3/%256dessages', '/v3/messages%3fa',
                     '/v3/messages%23', '/share/v3/messages',
                     '/volume/v2/messages', '/identity/v3/messages',
                     '/x/volume/v3/messages', '/v1/messages'):
            self.assertForwarded('service', path, path)

    def test_internal_paths_return_404(self):
        for path in ('/.usermsg/volume/v3/messages', '/.usermsg/v3/messages',
                     '/%2eusermsg/metrics', '/x/../.usermsg/',
                     '/.usermsg-undecodable'):
            self.assertEqual(404, self.front.request(path)[0].status)

    def test_undecodable_message_ids_return_404_of_the_services(self):
        for path in ('/v3/messages/%00', f'/v3/{PROJECT}/messages/%00?a=b',
                     '/volume/v3/messages/a%00b', '/v3/messages/%zz',
                     '/v3/messages/%', '/v2/messages/%00',
                     f'/share/v2/{PROJECT}/messages/1%2'):
            for method in ('GET', 'DELETE'):
                response, content = self.front.request(path, method)
                self.assertEqual(
                    (404, 'application/json'),
                    (response.status, response.headers['Content-Type']), path)
                self.assertEqual(
                    {'itemNotFound': {
                        'code': 404,
                        'message': 'The resource could not be found.'}},
                    json.loads(content))

    def test_other_malformed_requests_return_400_of_nginx(self):
        for path in ('/%00', '/v3/volumes/%00', '/v3/messages-other/%00',
                     '/v3/volumes?name=/v3/messages/%00&marker=%00'):
            response, _content = self.front.request(path)
            if '?' in path:
                self.assertEqual(200, response.status)
            else:
                self.assertEqual(
                    (400, 'text/html'),
                    (response.status, response.headers['Content-Type']), path)
        with self.front.connect() as connection:
            connection.sendall(b'GET /v3/messages/1 HTTP/1.1\r\n\r\n')
            response = connection.makefile('rb').readline()
        self.assertIn(b' 400 ', response)

    def test_errors_of_the_service_are_passed_on(self):
        for path, server in (('/v3/volumes', 'service'),
                             ('/v3/messages', 'usermsg')):
            response, content = self.front.request(
                path, headers={'Echo-Status': '400 Bad Request'})
            self.assertEqual(400, response.status)
            self.assertEqual(server, json.loads(content)['server'])

    def test_all_methods_are_forwarded(self):
        for method in ('GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE',
                       'OPTIONS'):
            for path, server in (('/v3/messages', 'usermsg'),
                                 ('/v3/volumes', 'service')):
                request = self.request(path, method)
                if method != 'HEAD':
                    self.assertEqual(
                        (server, method),
                        (request['server'], request['REQUEST_METHOD']))

    def test_client_headers_for_proxies_are_replaced(self):
        request = self.request('/v3/messages', **{
            'Host': 'evil.example.org', 'X-Forwarded-Host': 'evil',
            'X-Forwarded-For': '192.0.2.66', 'X-Forwarded-Proto': 'gopher',
            'X-Forwarded-Port': '7', 'X-Forwarded-Prefix': '/evil',
            'X-Forwarded-Ssl': 'on', 'Forwarded': 'host=evil',
            'Proxy': 'evil', 'Connection': 'X-Auth-Token',
            'X-Auth-Token': 'a token', 'X-Service-Token': 'another',
            'OpenStack-API-Version': 'volume 3.5',
            'X-OpenStack-Request-Id': 'req-7', 'Accept-Language': 'de',
            'X-OpenStack-Manila-API-Version': '2.37'})
        for name, value in (
                ('HOST', deployment.NAME), ('X_FORWARDED_PROTO', 'http'),
                ('X_FORWARDED_FOR', '127.0.0.1'), ('X_FORWARDED_HOST', None),
                ('X_FORWARDED_PORT', None), ('X_FORWARDED_PREFIX', None),
                ('X_FORWARDED_SSL', None), ('FORWARDED', None),
                ('PROXY', None), ('X_AUTH_TOKEN', 'a token'),
                ('X_SERVICE_TOKEN', 'another'),
                ('OPENSTACK_API_VERSION', 'volume 3.5'),
                ('X_OPENSTACK_REQUEST_ID', 'req-7'),
                ('ACCEPT_LANGUAGE', 'de'),
                ('X_OPENSTACK_MANILA_API_VERSION', '2.37')):
            self.assertEqual(value, request.get(f'HTTP_{name}'), name)
        # The headers of requests to the service are unchanged.
        self.assertEqual('evil', self.request('/v3/volumes', **{
            'X-Forwarded-Host': 'evil'})['HTTP_X_FORWARDED_HOST'])


class TestAllServers(base.TestCase):
    """The complete chain: nginx, nginx with TLS, uWSGI and usermsg."""

    def test_messages_are_served_at_the_endpoint_of_the_service(self):
        service = self.runtime(
            api=base.EXPOSED,
            volume_facade={'public_endpoint': PUBLIC})
        uwsgi = servers.require(lambda: deployment.Uwsgi(
            str(self.home / 'usermsg.conf')))
        self.addCleanup(uwsgi.stop)
        tls = servers.require(lambda: deployment.Nginx(uwsgi.socket))
        self.addCleanup(tls.stop)
        front = message_paths.Front(servers.require(echoes).service.url, {
            'proxy_pass https://192.0.2.20/;':
                f'proxy_pass https://127.0.0.1:{tls.port}/;',
            'proxy_ssl_trusted_certificate '
            '/etc/ssl/certs/ca-certificates.crt;':
                f'proxy_ssl_trusted_certificate {tls.path("crt")};'})
        self.addCleanup(front.stop)
        message = http_client.record(service, PROJECT)
        headers = {**http_client.build_headers(PROJECT, 'member'),
                   'OpenStack-API-Version': 'volume 3.5'}

        response, content = front.request(
            f'/v3/{PROJECT}/messages.json?limit=1', headers=headers)
        self.assertEqual(200, response.status, content)
        self.assertEqual('volume 3.5',
                         response.headers['OpenStack-API-Version'])
        self.assertIn('X-Compute-Request-Id', response.headers)
        content = json.loads(content)
        [entry] = content['messages']
        self.assertEqual(message.id, entry['id'])
        path = f'/v3/{PROJECT}/messages/{message.id}'
        self.assertIn({'rel': 'self', 'href': f'{PUBLIC}{path}'},
                      entry['links'])
        # The links work at the public endpoint, with or without a prefix.
        [following] = content['messages_links']
        address = following['href'].removeprefix(PUBLIC)
        self.assertTrue(address.startswith(f'/v3/{PROJECT}/messages?'))
        self.assertEqual(
            {'messages': []},
            json.loads(front.request(address, headers=headers)[1]))
        self.assertEqual(204, front.request(f'/volume{path}', 'DELETE',
                                            headers)[0].status)
        response, content = front.request(path, headers=headers)
        self.assertEqual(404, response.status)
        self.assertEqual(['itemNotFound'], list(json.loads(content)))

        api = message_api.API(service)
        shared = api.create(None, 'SHARE_SHARE_001_002', PROJECT)
        for path in ('/v2/messages', f'/share/v2/{PROJECT}/messages/'):
            response, content = front.request(path, headers={
                **headers, 'X-OpenStack-Manila-API-Version': '2.37'})
            self.assertEqual(200, response.status, content)
            [entry] = json.loads(content)['messages']
            self.assertEqual((shared.id, '001', '002'), tuple(
                entry[key] for key in ('id', 'action_id', 'detail_id')))

        # Without usermsg the service is still available.
        uwsgi.stop()
        tls.stop()
        response, content = front.request('/v3/messages', headers=headers)
        self.assertEqual((503, '10', 'application/json'),
                         (response.status, response.headers['Retry-After'],
                          response.headers['Content-Type']))
        self.assertEqual(503, json.loads(content)['serviceUnavailable'][
            'code'])
        self.assertEqual(200, front.request('/v3/volumes')[0].status)

    def test_usermsg_with_a_wrong_certificate_returns_503(self):
        deployed = servers.require(deployment.shared)
        front = message_paths.Front(servers.require(echoes).service.url, {
            'proxy_pass https://192.0.2.20/;':
                f'proxy_pass https://127.0.0.1:{deployed.nginx.port}/;',
            'proxy_ssl_trusted_certificate '
            '/etc/ssl/certs/ca-certificates.crt;':
                'proxy_ssl_trusted_certificate '
                f'{deployed.nginx.path("crt")};',
            f'proxy_ssl_name {deployment.NAME};':
                'proxy_ssl_name another.example.org;'})
        self.addCleanup(front.stop)
        self.assertEqual(503, front.request('/v3/messages')[0].status)
