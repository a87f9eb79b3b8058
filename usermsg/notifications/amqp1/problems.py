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
"""What goes wrong with a server, in words, and said once."""

from oslo_log import log

LOG = log.getLogger(__name__)

#: Conditions that the same attempt would meet again, whenever it is made.
PERMANENT = frozenset((
    'amqp:unauthorized-access', 'amqp:not-allowed', 'amqp:invalid-field',
    'amqp:not-implemented'))

#: Why a server rejects one message that it may take later: for what it has
#: itself, not for what the message is.
PASSING = frozenset(('amqp:resource-limit-exceeded', 'amqp:internal-error'))

TOO_LARGE = 'amqp:link:message-size-exceeded'

_LONGEST = 300


class Lost(Exception):
    """A connection is of no use, or there is none.

    :param reason: the end of a sentence that begins with the host
    """


def words(condition, otherwise='without a reason'):
    """A condition of AMQP as an operator should read it, in bounds."""
    if condition is None or not condition.name:
        return otherwise
    text = condition.name
    if condition.description:
        text += f' ({condition.description})'
    text = ''.join(char if char.isprintable() else ' ' for char in text)
    return text[:_LONGEST]


def of_transport(condition, host, mechanisms):
    """Why a connection failed, from what Proton says of it.

    Proton names the effect; an operator needs the cause.
    """
    said = words(condition, 'the connection ended')
    description = (condition and condition.description) or ''
    if 'certificate verify failed' in description:
        return f'its certificate is not trusted, or not for this name: {said}'
    if 'SSL Failure' in description:
        return f'no TLS connection; does it speak TLS on this port? {said}'
    if 'uthentication failed' in description:
        return ('it does not accept our user name and password, or none of '
                f'the SASL mechanisms {" ".join(mechanisms)}: {said}')
    if 'mechanism' in description or 'sasl' in description.lower():
        return (f'no agreement on how to authenticate; allowed here are '
                f'{" ".join(mechanisms)}: {said}')
    if 'protocol header' in description and not host.tls:
        return f'no AMQP 1.0; does it want TLS (amqps://)? {said}'
    return said


class Report:
    """Says what is wrong once, until it has changed."""

    def __init__(self):
        self._said = {}

    def wrong(self, subject, reason):
        if self._said.get(subject) != reason:
            self._said[subject] = reason
            LOG.warning('Notifications through qpid: %s: %s', subject, reason)

    def well(self, subject):
        if self._said.pop(subject, None):
            LOG.info('Notifications through qpid: %s works again', subject)
