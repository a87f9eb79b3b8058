# SPDX-License-Identifier: Apache-2.0
"""What servers of AMQP 1.0 pass on, for whoever looks on."""

import fnmatch
import glob
import selectors
import time

from usermsg import exception
from usermsg.notifications.drivers.qpid import address
from usermsg.notifications.drivers.qpid import connection
from usermsg.notifications.drivers.qpid import failures
from usermsg.notifications.drivers.qpid import hosts
from usermsg.notifications.drivers.qpid import proton_library
from usermsg.notifications.drivers.qpid import receiver
from usermsg.notifications.drivers.qpid import settings as options
from usermsg.notifications.drivers.qpid import tls
from usermsg.notifications.drivers import received_message

#: How many messages of one node may be on their way to us.
_AHEAD = 20

# Seconds that the servers have to answer that a link is closed, and between
# two looks at whether to go on connecting.
_GOOD_BYE = 1
_LOOK = 0.3

# It takes from queues, even if it says that it copies. At other addresses it
# makes a queue that nobody ever removes, at an exchange one that gets all that
# comes.
_RABBITMQ = 'RabbitMQ'
_QUEUES = ('/amq/queue/', '/queues/')


class Subscription:
    """Notifications, from the moment at which it is opened.

    :param proton: the module
    :param settings: a :class:`.settings.Settings`
    :param addresses: of nodes
    :param wanted: whether something is shown: a function of its subject,
        None if it has none, and of its attributes
    :param take: take what arrives away from others, where copies can't be had
    :param most: how many there will be at most, None for any number
    """

    def __init__(self, proton, settings, addresses, wanted, take=False,
                 most=None):
        self._proton = proton
        self._settings = settings
        self._addresses = addresses
        self._wanted = wanted
        self._take = take
        self._left = most
        self._rotation = hosts.Rotation(
            settings.hosts, settings.min_backoff, settings.max_backoff)
        self._connection = None
        self._receivers = []

    def open(self, look=lambda: None):
        """Connect to the first host that answers.

        :param look: called now and then; what it raises ends the attempt
        :returns: what it listens to, a text
        :raises received_message.Lost: none does, or none has
            any of the nodes
        :raises received_message.Harmful: it would not get copies
        """
        reasons = []
        for _ in self._settings.hosts:
            try:
                return self._open(self._rotation.host(), look)
            except failures.Lost as error:
                reason = str(error)
            # Not while it is handled: it has links that must be dropped
            # before the connection is freed.
            reasons.append(self._lost(reason))
        raise received_message.Lost('; '.join(reasons))

    def _open(self, host, look):
        self._connection = connection.Connection(
            self._proton, self._settings, host, self._rotation.rounds)
        while not self._connection.is_open:
            look()
            self._turn(min(self._connection.deadline,
                           time.monotonic() + _LOOK))
        product = self._connection.product()
        if product == _RABBITMQ:
            self._check_rabbitmq(host)
        self._receivers = [
            receiver.Receiver(self._connection, self._proton, each,
                              copies=not self._take)
            for each in self._addresses]
        end = time.monotonic() + self._settings.connect_timeout
        while not all(each.answered() for each in self._receivers):
            if time.monotonic() >= end:
                raise failures.Lost(
                    'no answer about a node within '
                    f'{self._settings.connect_timeout:g} s')
            look()
            self._turn(min(end, time.monotonic() + _LOOK))
        refused = [f'{each.address}: {failures.words(each.condition())}'
                   for each in self._receivers if each.ended()]
        self._receivers = [
            each for each in self._receivers if not each.ended()]
        if not self._receivers:
            raise failures.Lost('; '.join(refused))
        self._check(host, product)
        return '; not to '.join([
            f'{host}, {", ".join(each.address for each in self._receivers)}',
            *refused])

    def _check_rabbitmq(self, host):
        """Before there is a link: to make one can do the harm."""
        if not self._take or not all(
                each.startswith(_QUEUES) for each in self._addresses):
            raise received_message.Harmful(
                f'{host} is RabbitMQ, which gives no copies over AMQP 1.0: '
                'from a queue it would take what is printed, and at an '
                'exchange leave a queue behind that grows for ever. Listen '
                'with --driver rabbit and [oslo_messaging_notifications] '
                'transport_url; or take from a queue, with --address '
                '/amq/queue/NAME --take.')

    def _check(self, host, product):
        taken = [each.address for each in self._receivers
                 if each.takes(product)]
        if taken and not self._take:
            raise received_message.Harmful(
                f'{host} does not grant copies of what comes to '
                f'{", ".join(taken)}: what would be printed would be taken '
                'from whoever else reads it. Listen to an exchange or a '
                'topic with --address, or, where nobody misses anything, '
                'with --take.')

    def read(self, seconds):
        """What has arrived, or does within some seconds.

        What is not asked for any more is left to others.

        :returns: an iterator of the six attributes of each, as a dict; None
            for what is no notification
        :raises received_message.Lost: the connection is gone
        """
        end = time.monotonic() + seconds
        try:
            more = self._next()
            while more is None and time.monotonic() < end:
                self._turn(end)
                more = self._next()
            while more is not None:
                subject, attributes = self._decode(more)
                if attributes is None or self._wanted(subject, attributes):
                    if attributes is not None and self._left:
                        self._left -= 1
                    yield attributes
                more = self._next()
            return
        except failures.Lost as error:
            reason = str(error)
        raise received_message.Lost(self._lost(reason))  # see open()

    def _next(self):
        """The bytes of one more message, None if there is none."""
        ahead = _AHEAD if self._left is None else min(_AHEAD, self._left)
        for each in self._receivers:
            if each.ended():
                raise failures.Lost(
                    f'{each.address}: {failures.words(each.condition())}')
            data = each.next()
            if data is not None:
                return data
            # Only to those that have nothing more, so that all get a turn.
            each.grant(ahead)
        return None

    def _decode(self, data):
        """The subject and the attributes of a message."""
        message = self._proton.Message()
        try:
            message.decode(data)
            body = message.body
            return message.subject, received_message.attributes(
                bytes(body) if isinstance(body, memoryview) else body,
                (message.properties or {}).get('compression'))
        except Exception:
            # Anybody may send anything.
            return None, None

    def _turn(self, until):
        """Send what there is, and take in what comes until then at most."""
        link = self._connection
        link.flush()
        now = time.monotonic()
        wake = min(link.check(now) or until, until)
        with selectors.PollSelector() as selector:
            selector.register(link, link.interest())
            selector.select(max(wake - now, 0))
        link.receive()
        link.check(time.monotonic())
        link.flush()

    def _lost(self, reason):
        """Why there is no connection any more, a text; try another host."""
        reason = f'{self._rotation.host()}: {reason}'
        self._rotation.failed()
        self._drop()
        return reason

    def _drop(self):
        self._receivers = []
        link, self._connection = self._connection, None
        if link is not None:
            link.close()

    def close(self):
        try:
            for each in self._receivers:
                each.close()
            end = time.monotonic() + _GOOD_BYE
            # What is confirmed must not be lost by an end before its time.
            while time.monotonic() < end and not all(
                    each.ended() for each in self._receivers):
                self._turn(end)
        except failures.Lost:
            pass
        self._drop()


def of(conf, topics=None, priorities=None, exchange=None, node=None,
       take=False, most=None):
    """Listen to what the driver ``qpid`` sends with this configuration.

    :param topics: names, if not those that are configured
    :param priorities: in lower case, if not all
    :param exchange: if not that of the configuration
    :param node: an address, if not that of the configuration
    :param take, most: see :class:`Subscription`
    :raises usermsg.exception.ConfigurationError: says what can't be
    """
    settings = options.read(conf)
    proton = proton_library.load(settings.tls, settings.sasl)
    if settings.tls:
        tls.domain(proton, settings)
    template = settings.addresses
    if node is not None:
        template = address.Template('address', _escape(node))
    _check(settings, template, topics, priorities, exchange, take)
    parts = {'exchange': exchange or settings.exchange,
             'vhost': settings.vhost}
    names = topics or conf.oslo_messaging_notifications.topics
    found = [template.fill(topic=topic, priority=priority, **parts)
             for topic in names
             for priority in priorities or received_message.PRIORITIES]
    subjects = None
    if 'topic' not in template.parts and not take and (topics or not node):
        subjects = [settings.subjects.fill(
            topic=glob.escape(topic), priority='*', event_type='*', **parts)
            for topic in names]

    def wanted(subject, attributes):
        return (
            (not priorities or
             str(attributes['priority']).lower() in priorities) and
            (not (subjects and subject) or
             any(fnmatch.fnmatchcase(subject, each) for each in subjects)))

    return Subscription(proton, settings, tuple(dict.fromkeys(found)), wanted,
                        take, most)


def _check(settings, template, topics, priorities, exchange, take):
    """Refuse what could not be kept."""
    known = template.parts
    if exchange and 'exchange' not in known:
        raise _without('exchange')
    if topics and 'topic' not in known and (
            take or 'topic' not in settings.subjects.parts):
        raise _without('topic')
    if take and priorities and 'priority' not in known:
        raise _without('priority')


def _without(part):
    return exception.ConfigurationError(
        f'--{part}: the address has no {{{part}}} in it.')


def _escape(text):
    return text.replace('{', '{{').replace('}', '}}')
