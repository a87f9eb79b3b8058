# SPDX-License-Identifier: Apache-2.0
"""CORS for browsers, forwarded headers of proxies, and security headers."""

import json
import subprocess
import sys

from oslo_middleware import cors
import webob

from usermsg.api import app
from usermsg.api.middleware import security_headers
from usermsg import exception
from usermsg.tests import base
from usermsg.tests.fixtures import http_client

READER = http_client.build_headers('red', 'member', 'reader')
DASHBOARD = 'https://dashboard.example.org'


class ServiceTestCase(base.TestCase):

    def serve(self, **groups):
        self.service = self.runtime(**groups)
        http_client.record(self.service, 'red')
        self.app = app.make_app(self.service)

    def request(self, address='/v3/messages', method='GET', body=b'',
                **headers):
        return http_client.request(self.app, address, method, {**READER, **{
            name.replace('_', '-'): value
            for name, value in headers.items()}}, body)


class TestBrowsers(ServiceTestCase):

    def preflight(self, **headers):
        return self.request(method='OPTIONS', **{
            'Origin': DASHBOARD, 'Access_Control_Request_Method': 'GET',
            **headers})

    def test_request_without_the_option_has_no_cors_headers(self):
        self.serve()
        for response in (self.preflight(), self.request(Origin=DASHBOARD)):
            self.assertNotIn('Access-Control-Allow-Origin', response.headers)
        self.assertEqual(204, self.preflight().status_int)

    def test_request_from_allowed_origin_has_cors_headers(self):
        self.serve(cors={'allowed_origin': DASHBOARD})
        response = self.request(Origin=DASHBOARD)
        self.assertEqual(1, len(response.json['messages']))
        self.assertEqual(DASHBOARD,
                         response.headers['Access-Control-Allow-Origin'])
        self.assertIn('OpenStack-API-Version',
                      response.headers['Access-Control-Expose-Headers'])
        [vary] = response.headers.getall('Vary')
        self.assertEqual({'Accept-Language', 'OpenStack-API-Version',
                          'Origin', 'X-Auth-Token'}, {
                              name.strip() for name in vary.split(',')})
        response = self.preflight(Access_Control_Request_Headers=(
            'x-auth-token, openstack-api-version, if-none-match, '
            'x-openstack-request-id, content-type, accept-language'))
        self.assertEqual(204, response.status_int)
        self.assertEqual(b'', response.body)
        self.assertEqual(DASHBOARD,
                         response.headers['Access-Control-Allow-Origin'])
        self.assertIn('x-auth-token',
                      response.headers['Access-Control-Allow-Headers'])
        self.assertIn('X-OpenStack-Request-Id', response.headers)
        self.assertEqual('nosniff', response.headers['X-Content-Type-Options'])

    def test_error_for_allowed_origin_has_cors_headers(self):
        self.serve(cors={'allowed_origin': DASHBOARD})
        response = self.request('/v3/messages/x', Origin=DASHBOARD)
        self.assertEqual(404, response.status_int)
        self.assertEqual(DASHBOARD,
                         response.headers['Access-Control-Allow-Origin'])

    def test_request_from_other_origin_has_no_cors_headers(self):
        self.serve(cors={'allowed_origin': DASHBOARD})
        for origin in ('https://evil.example.org', DASHBOARD + '.evil', 'null',
                       DASHBOARD.upper(), '\xff', ''):
            for response, status in ((self.preflight(Origin=origin), 204),
                                     (self.request(Origin=origin), 200)):
                self.assertEqual(status, response.status_int)
                self.assertNotIn('Access-Control-Allow-Origin',
                                 response.headers)

    def test_preflight_with_other_method_or_header_is_rejected(self):
        self.serve(cors={'allowed_origin': DASHBOARD})
        for headers in ({'Access_Control_Request_Method': 'PATCH'},
                        {'Access_Control_Request_Method': '\xff'},
                        {'Access_Control_Request_Headers': 'x-roles'},
                        {'Access_Control_Request_Headers': '\xff,' * 9}):
            self.assertNotIn('Access-Control-Allow-Origin',
                             self.preflight(**headers).headers)

    def test_options_other_than_a_preflight_is_unchanged_by_cors(self):
        cases = (('/v3/messages', {}, 204),
                 ('/nope', {}, 404),
                 ('/v3/messages', {
                     'OpenStack_API_Version': 'user-message 9.9'}, 406))
        not_preflights = ({}, {'Origin': DASHBOARD},
                          {'Access_Control_Request_Method': 'GET'})
        for groups in ({}, {'cors': {'allowed_origin': DASHBOARD}}):
            self.serve(**groups)
            for path, version, status in cases:
                for headers in not_preflights:
                    response = self.request(path, 'OPTIONS', **version,
                                            **headers)
                    self.assertEqual(status, response.status_int)
                    self.assertEqual(status == 204,
                                     'Allow' in response.headers)

    def test_preflight_for_an_unknown_path_returns_200(self):
        self.serve(cors={'allowed_origin': DASHBOARD})
        response = self.request('/nope', 'OPTIONS', Origin=DASHBOARD,
                                Access_Control_Request_Method='GET')
        self.assertEqual(200, response.status_int)

    def test_cors_options_override_defaults(self):
        self.serve(cors={'allowed_origin': DASHBOARD, 'allow_methods': 'PUT',
                         'expose_headers': 'X-Other'})
        self.assertNotIn('Access-Control-Allow-Origin',
                         self.preflight().headers)
        self.assertEqual('X-Other', self.request(Origin=DASHBOARD).headers[
            'Access-Control-Expose-Headers'])

    def test_invalid_allowed_origin_is_a_configuration_error(self):
        for origin in ('dashboard.example.org', f'{DASHBOARD}/',
                       f'{DASHBOARD},https://', 'https://a b'):
            error = self.assertRaises(
                exception.ConfigurationError, self.serve,
                cors={'allowed_origin': origin})
            self.assertIn('[cors] allowed_origin', str(error))

    def test_defaults_of_oslo_middleware_are_unchanged(self):
        self.serve(cors={'allowed_origin': DASHBOARD})
        defaults = {option.name: option.default for option in cors.OPTS}
        self.assertEqual([], defaults['expose_headers'])
        self.assertIn('TRACE', defaults['allow_methods'])

    def test_sample_configuration_has_cors_defaults_of_usermsg(self):
        path = self.home / 'sample'
        subprocess.run(
            [sys.executable, '-c',
             'from oslo_config import generator; generator.main()',
             '--namespace', 'usermsg', '--namespace', 'oslo.middleware.cors',
             '--output-file', str(path)], check=True, capture_output=True)
        lines = path.read_text(encoding='utf-8').splitlines()
        self.assertIn('#allow_methods = GET,HEAD,POST,PUT,DELETE', lines)
        for name in ('allow_headers', 'expose_headers'):
            [line] = [line for line in lines if line.startswith(f'#{name} =')]
            self.assertIn('OpenStack-API-Version', line)


class TestProxies(ServiceTestCase):

    FORWARDED = {'X_Forwarded_Proto': 'https',
                 'X_Forwarded_Host': 'cloud.example.org',
                 'X_Forwarded_Prefix': '/user-message',
                 'X_Forwarded_For': '192.0.2.1'}

    def link(self, **headers):
        response = self.request('/v3/', **headers)
        self.assertEqual(200, response.status_int)
        return response.json['version']['links'][0]['href']

    def test_forwarded_headers_are_ignored_by_default(self):
        for trusted in ('false', 'true'):
            self.serve(api={'auth_strategy': 'noauth',
                            'trust_host_header': trusted})
            expected = self.link()
            self.assertEqual(expected, self.link(**self.FORWARDED))
            self.assertEqual(expected, self.link(
                Forwarded='proto=https;host=cloud.example.org'))

    def serve_behind(self, **api):
        self.serve(oslo_middleware={'enable_proxy_headers_parsing': 'true'},
                   api={'auth_strategy': 'noauth', **api})

    def test_links_lead_to_the_proxy_with_both_options(self):
        self.serve_behind(trust_host_header='true')
        self.assertEqual('https://cloud.example.org/user-message/v3/',
                         self.link(**self.FORWARDED))
        self.assertEqual(
            'https://cloud.example.org:8443/v3/',
            self.link(Forwarded='for=192.0.2.1;proto=https;'
                                'host=cloud.example.org:8443'))

    def test_links_keep_the_server_without_trust_host_header(self):
        self.serve_behind()
        self.assertEqual('https://localhost:80/user-message/v3/',
                         self.link(**self.FORWARDED))

    def test_public_endpoint_overrides_forwarded_headers(self):
        self.serve_behind(public_endpoint='https://messages.example.org',
                          trust_host_header='true')
        self.assertEqual('https://messages.example.org/v3/',
                         self.link(**self.FORWARDED))

    def test_invalid_forwarded_headers_are_ignored(self):
        self.serve_behind(trust_host_header='true')
        expected = self.link()
        for name, values in {
                'X_Forwarded_Proto': ('javascript', 'https, http', '\xff',
                                      'HTTPS://x', ' '),
                'X_Forwarded_Host': ('a b', 'a/b', 'a@b', 'a, b', '\xff',
                                     'a:b', ':', '"', 'x' * 9000, '[::1'),
                'X_Forwarded_Prefix': ('evil', '//evil.example.org', '/\xff',
                                       '/a?b', '/a#b', '/../..//', '/' * 9000),
                'X_Forwarded_For': ('\xff', 'a, b', 'x' * 9000),
                'Forwarded': ('host=a b', 'proto=ftp', ';;;,,,===', '\xff',
                              'host="a', 'host=;proto=', ',' * 9000),
        }.items():
            for value in values:
                self.assertEqual(expected, self.link(**{name: value}), value)

    def test_invalid_host_returns_400_before_a_message_is_recorded(self):
        self.serve(api={'auth_strategy': 'noauth',
                        'trust_host_header': 'true'})
        self.assertEqual('http://cloud.example.org:8080/v3/',
                         self.link(Host='cloud.example.org:8080'))
        body = json.dumps({'message': {
            'event_id': 'VOLUME_000002', 'project_id': 'red'}}).encode()
        for host in ('evil"<x>', 'a b', 'a@b', '', 'x' * 9000):
            for path, more in (
                    ('/', {}), ('/v3/', {}), ('/v3/openapi.json', {}),
                    ('/v3/messages', {}), ('/v3/defined-messages', {}),
                    ('/volume/v3/messages', {}), ('/share/v2/messages', {}),
                    ('/v3/messages', {
                        'method': 'POST', 'body': body,
                        'Content_Type': 'application/json'})):
                response = self.request(path, **more, Host=host)
                self.assertEqual(400, response.status_int, (path, host))
                self.assertIn('Host: ', response.text)
                self.assertNotIn('evil', response.text)
            # A load balancer may send no Host header.
            self.assertEqual(
                200, self.request('/healthcheck', Host=host).status_int)
        self.assertEqual(1, len(self.request('/v3/messages').json['messages']))

    def test_host_header_is_ignored_with_a_public_endpoint(self):
        self.serve(api={'auth_strategy': 'noauth',
                        'public_endpoint': 'https://messages.example.org'})
        self.assertEqual('https://messages.example.org/v3/',
                         self.link(Host='evil"<x>'))

    def test_invalid_public_endpoint_is_a_configuration_error(self):
        for group in ('api', 'volume_facade', 'share_facade'):
            for endpoint in ('https://alice:secret@cloud.example.org',
                             'https://cloud.example.org/?a=b',
                             'https://cloud.example.org/#a'):
                error = self.assertRaises(
                    exception.ConfigurationError, self.serve,
                    **{group: {'public_endpoint': endpoint}})
                self.assertIn(f'[{group}] public_endpoint', str(error))
                self.assertNotIn('secret', str(error))

    def test_environ_without_script_name_is_accepted(self):
        self.serve_behind(trust_host_header='true')
        mounted = self.app

        def application(environ, start_response):
            del environ['SCRIPT_NAME']
            return mounted(environ, start_response)

        self.app = application
        self.assertEqual('https://cloud.example.org/user-message/v3/',
                         self.link(**self.FORWARDED))


class TestHeaders(ServiceTestCase):

    def assert_complete(self, response, cache_control='no-store'):
        for name, value in (
                ('X-Content-Type-Options', 'nosniff'),
                ('X-Frame-Options', 'DENY'),
                ('Content-Security-Policy',
                 "default-src 'none'; frame-ancestors 'none'"),
                ('Referrer-Policy', 'no-referrer'),
                ('Cache-Control', cache_control)):
            self.assertEqual([value], response.headers.getall(name))

    def test_responses_have_security_headers(self):
        self.serve()
        for address, method in (('/', 'GET'), ('/x', 'GET'),
                                ('/v3/messages?limit=0', 'GET'),
                                ('/%ff', 'GET'), ('/v3', 'BREW'),
                                ('/healthcheck', 'GET')):
            self.assert_complete(self.request(address, method))
        for method in ('GET', 'HEAD'):
            self.assert_complete(self.request('/v3/messages', method),
                                 'private, no-cache')

    def test_internal_error_has_security_headers(self):
        self.serve()
        self.service.db.select = None
        response = self.request()
        self.assertEqual(500, response.status_int)
        self.assert_complete(response)

    def test_unauthorized_response_has_security_headers(self):
        self.app = app.make_app(self.runtime(**http_client.KEYSTONE))
        response = self.request()
        self.assertEqual(401, response.status_int)
        self.assert_complete(response)

    def test_headers_of_the_application_are_kept(self):
        original = [('Content-Type', 'a/b'), ('cache-control', 'max-age=60')]

        def application(_environ, start_response):
            start_response('200 OK', original)
            return [b'']

        headers = webob.Request.blank('/').get_response(
            security_headers.SecurityHeaders(application)).headerlist
        self.assertEqual(original, headers[:2])
        self.assertNotIn(('Cache-Control', 'no-store'), headers)
        self.assertIn(('X-Frame-Options', 'DENY'), headers)
