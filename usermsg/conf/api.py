# SPDX-License-Identifier: Apache-2.0
"""``[api]``: the HTTP service."""

from oslo_config import cfg

GROUP = cfg.OptGroup('api', title='The HTTP service')

OPTS = [
    cfg.StrOpt(
        'auth_strategy', default='keystone',
        choices=[
            ('keystone', 'Tokens are validated by keystonemiddleware, which '
             'is configured in [keystone_authtoken].'),
            ('noauth', 'No authentication: the headers X-Project-Id, '
             'X-User-Id and X-Roles are trusted as sent, and a request '
             'without them has the rights of an administrator. For '
             'development on one machine.'),
        ],
        help='Authentication strategy for requests.'),
    cfg.BoolOpt(
        'allow_insecure_noauth', default=False,
        help='Allow auth_strategy = noauth where other hosts could reach the '
             'service. If this is false, noauth is available only in '
             'usermsg-api, and only on a loopback address.'),
    cfg.URIOpt(
        'public_endpoint', schemes=['http', 'https'],
        help='Public base URL of the service, without the version, for '
             'example https://cloud.example.org/user-message. Links in '
             'responses begin with it. If it is not set, the service starts '
             'only with trust_host_header = true, or as usermsg-api on a '
             'loopback address, with which links then begin.'),
    cfg.BoolOpt(
        'trust_host_header', default=False,
        help='Build links from the Host header of the request if '
             'public_endpoint is not set; a request without a valid Host '
             'header is rejected with status 400. Enable this only behind a '
             'proxy that sets the header itself: otherwise a client chooses '
             'where the links lead.'),
    cfg.IntOpt(
        'max_limit', default=1000, min=1, max=10000,
        help='Maximum number of messages per page. A request with a larger '
             'limit gets this many messages and a link to the next page.'),
    cfg.FloatOpt(
        'follow_delay', default=10.0, min=1, max=300,
        help='Number of seconds for which lists with sort=created_at:asc '
             'hold back new messages, so that a program that follows them '
             'misses none. A message whose transaction takes longer than '
             'half of this gets a new id and time. The clocks of all hosts '
             'must agree within a fifth of it. Services that record through '
             'the library read this option, too: set the same value for '
             'them.'),
    cfg.IntOpt(
        'max_request_body_size', default=1024 * 1024, min=1024,
        help='Maximum size of a request body, in bytes. A request with a '
             'larger body is rejected with status 413.'),
    cfg.HostAddressOpt(
        'host', default='127.0.0.1',
        help='Address on which usermsg-api listens. Other WSGI servers have '
             'their own setting.'),
    cfg.PortOpt(
        'port', default=9797,
        help='TCP port on which usermsg-api listens; 0 selects a free port.'),
    cfg.IntOpt(
        'threads', default=8, min=1, max=256,
        help='Number of requests that usermsg-api handles concurrently. '
             'Expensive requests use at most half of the threads, or three '
             'if that is more, but never the last one of several. With one '
             'thread they use it, too, and every other request waits.'),
    cfg.IntOpt(
        'client_timeout', default=60, min=1, max=3600,
        help='Maximum number of seconds in which a client of usermsg-api '
             'must send a complete request, and again in which it must '
             'receive the complete response; then the connection is closed. '
             'A connection without a request is closed after 30 seconds, '
             'after 2 seconds if all connections are in use, or after '
             'client_timeout if that is shorter.'),
]
