# SPDX-License-Identifier: Apache-2.0
"""Tests of the driver ``qpid`` with servers that fail, restart or hang."""

import contextlib
import errno
import io
import logging
import selectors
import socket
import threading
import uuid

import fixtures
from oslo_config import cfg
from oslo_log import formatters
from oslo_log import log

from usermsg.notifications.drivers.qpid import connection
from usermsg.notifications import errors
from usermsg.tests.fixtures import qpid_case
from usermsg.tests.fixtures import qpid_peer
from usermsg.tests.fixtures import servers

ADDRESS = qpid_case.ADDRESS


class Case(qpid_case.QpidCase):

    def start_peer(self, **options):
        peer = servers.require(lambda: qpid_peer.Peer(**options))
        self.addCleanup(peer.stop)
        return peer

    def unused_url(self):
        """Return a URL of a port on which no server listens."""
        return f'amqp://127.0.0.1:{servers.free_port()}'

    def wait_for_all(self, sent):
        for future in sent:
            future.result(qpid_case.TIMEOUT)

    def assert_received(self, expected, peer):
        """Check that all arrived, first copies in the order of sending."""
        self.assertEqual(
            expected, qpid_case.unique_ids(peer.record('message')))


class ConnectionLossTest(Case):

    def test_all_messages_arrive_after_each_kind_of_ending(self):
        for ending in ('detach', 'end', 'close', 'drop'):
            peer = self.start_peer()
            # Confirmations are delayed, so that each ending loses some.
            peer.set_rule(ADDRESS, do=ending, after=40, times=3, delay=0.02,
                          condition='amqp:connection:forced')
            driver = self.driver(peer.url())
            expected, sent = self.submit(driver, 300)
            self.wait_for_all(sent)
            self.assert_received(expected, peer)
            self.assertEqual(3, len(peer.record('message', outcome=ending)))
            driver.close()

    def test_confirmed_messages_are_not_sent_again(self):
        peer = self.start_peer()
        driver = self.driver(peer.url())
        before, sent = self.submit(driver, 50)
        self.wait_for_all(sent)
        peer.set_rule(ADDRESS, now='drop')
        peer.wait_for(1, 'closed', reason='dropped')
        peer.set_rule(ADDRESS)
        after, sent = self.submit(driver, 50)
        self.wait_for_all(sent)
        self.assertEqual(before + after, [
            message['id'] for message in peer.record('message')])

    def test_messages_in_flight_are_sent_again_with_their_ids(self):
        peer = self.start_peer()
        peer.set_rule(ADDRESS, do='stall', times=1)
        driver = self.driver(peer.url())
        expected, sent = self.submit(driver, 20)
        peer.wait_for(20, outcome='stall')
        peer.set_rule(ADDRESS, now='drop')
        peer.wait_for(1, 'closed', reason='dropped')
        peer.set_rule(ADDRESS)
        self.wait_for_all(sent)
        self.assertEqual(expected + expected, [
            message['id'] for message in peer.record('message')])

    def test_all_messages_arrive_at_a_server_that_is_restarted(self):
        peer = self.start_peer()
        peer.set_rule(ADDRESS, delay=0.02)
        driver = self.driver(peer.url())
        expected, sent = self.submit(driver, 400)
        for number in (50, 200):
            peer.wait_for(number)
            peer.kill()
            peer.start()
        self.wait_for_all(sent)
        self.assert_received(expected, peer)

    def test_server_that_closes_with_connection_forced_is_reconnected(self):
        peer = self.start_peer()
        driver = self.driver(peer.url())
        self.send(driver)
        peer.set_rule(ADDRESS, now='close', condition='amqp:connection:forced',
                      description='maintenance')
        peer.wait_for(1, 'closed')
        peer.kill()
        sent = driver.submit({}, qpid_case.make_body(), 'info')
        peer.set_rule(ADDRESS)
        peer.start()
        sent.result(qpid_case.TIMEOUT)
        driver.close()
        self.assertIn('works again', self.log_output())

    def test_routed_link_lost_does_not_reject_the_message(self):
        peer = self.start_peer()
        peer.set_rule(ADDRESS, do='detach', times=4,
                      condition='qd:routed-link-lost')
        self.assert_received(
            [self.send(self.driver(peer.url()))['message_id']], peer)


class PoisonTest(Case):
    """One message at which a server ends the link or connection of all."""

    def assert_isolated(self, kind, ending, **rule):
        """Check that only the poison message fails; return its error."""
        peer = self.start_peer()
        driver = self.driver(peer.url())
        body = qpid_case.make_body()
        peer.set_rule(ADDRESS, do=ending, only=[body['message_id']],
                      delay=0.01, **rule)
        before, sent_before = self.submit(driver, 20)
        poison = driver.submit({}, body, 'info')
        after, sent_after = self.submit(driver, 40)
        self.wait_for_all(sent_before + sent_after)
        error = poison.exception(qpid_case.TIMEOUT)
        self.assertIs(kind, type(error))
        self.assertIn(str(peer.port), str(error))
        self.assertEqual(before + after, qpid_case.unique_ids(
            peer.record('message', outcome='accept')))
        return str(error)

    def test_message_that_ends_its_session_is_rejected(self):
        self.assertIn('message too large', self.assert_isolated(
            errors.Rejected, 'end', condition='amqp:precondition-failed',
            description='message too large'))

    def test_message_that_ends_its_link_is_rejected(self):
        self.assertIn('amqp:decode-error', self.assert_isolated(
            errors.Rejected, 'detach', condition='amqp:decode-error'))

    def test_message_that_ends_its_link_by_authorization_may_retry(self):
        self.assertIn('amqp:not-allowed', self.assert_isolated(
            errors.NotDelivered, 'detach', condition='amqp:not-allowed'))

    def test_message_that_drops_each_connection_does_not_block_others(self):
        self.assert_isolated(errors.NotDelivered, 'drop')


class UnexpectedTest(Case):
    """Errors of the local system, and defects, rather than of servers."""

    def inject(self, name, times, error, matches=lambda *arguments: True):
        """Have a method of PollSelector raise an error.

        :param times: number of failing calls
        :param matches: function of the method's arguments; only calls for
            which it returns True fail
        """
        method = getattr(selectors.PollSelector, name)
        remaining = [error] * times

        def replacement(selector, *arguments):
            if remaining and matches(*arguments):
                raise remaining.pop()
            return method(selector, *arguments)

        self.useFixture(fixtures.MonkeyPatch(
            f'selectors.PollSelector.{name}', replacement))

    def assert_recovers(self, driver, peer):
        for future in [driver.submit({}, qpid_case.make_body(), 'info')
                       for _ in range(3)]:
            future.result(qpid_case.TIMEOUT)
        self.send(driver)
        driver.close()
        self.assertEqual(1, self.log_output().count('Traceback'))
        self.assertEqual(1, len(self.warnings()))
        self.assertIn(f'127.0.0.1:{peer.port} works again', self.log_output())

    def test_connection_is_recreated_after_a_selector_error(self):
        peer = self.start_peer()
        self.inject('register', 2, OSError(errno.ENOSPC, 'no watches left'),
                    lambda file, *_: isinstance(file, connection.Connection))
        self.assert_recovers(self.driver(peer.url()), peer)

    def test_unexpected_error_is_logged_once_and_the_thread_continues(self):
        peer = self.start_peer()
        self.inject('select', 2, RuntimeError('a defect'), lambda *_: (
            threading.current_thread().name == 'usermsg-qpid'))
        self.assert_recovers(self.driver(peer.url()), peer)

    def test_exhausted_file_descriptors_fail_only_the_current_message(self):
        peer = self.start_peer()
        driver = self.driver(peer.url())
        self.inject('__init__', 1, OSError(errno.EMFILE, 'too many files'))
        self.assert_send_fails(errors.NotDelivered, driver, 'too many files')
        self.send(driver)


class TimeoutTest(Case):

    def test_frozen_server_is_detected_and_another_is_used(self):
        first, second = self.start_peer(), self.start_peer()
        driver = self.driver(first.url(), second.url(), idle_timeout=1)
        self.send(driver)
        frozen, other = (first, second) if first.record() else (second, first)
        frozen.freeze()
        expected, sent = self.submit(driver, 20)
        self.wait_for_all(sent)
        self.assert_received(expected, other)

    def test_all_messages_arrive_when_a_frozen_server_continues(self):
        peer = self.start_peer()
        driver = self.driver(peer.url(), idle_timeout=1, connect_timeout=1)
        self.send(driver)
        peer.freeze()
        expected, sent = self.submit(driver, 20)
        self.wait_for_warning(f'127.0.0.1:{peer.port}: no data received')
        peer.thaw()
        self.wait_for_all(sent)
        self.assertEqual(
            set(expected), {message['id'] for message in
                            peer.record('message')[1:]})

    def wait_for_warning(self, text):
        """Wait until a warning that contains the text is logged."""
        clock = threading.Event()
        for _ in range(qpid_case.TIMEOUT * 50):
            if any(text in line for line in self.warnings()):
                return
            clock.wait(0.02)
        self.fail(f'no warning with {text}: {self.log_output()}')

    def test_frozen_server_delays_send_by_at_most_delivery_timeout(self):
        peer = self.start_peer()
        driver = self.driver(peer.url(), delivery_timeout=0.5)
        peer.freeze()
        self.assert_send_fails(
            errors.NotDelivered, driver, f'127.0.0.1:{peer.port}')

    def test_port_without_response_times_out_for_another_host(self):
        peer = self.start_peer()
        with socket.create_server(('127.0.0.1', 0)) as silent:
            port = silent.getsockname()[1]
            for urls in ([f'amqp://127.0.0.1:{port}', peer.url()],
                         [peer.url(), f'amqp://127.0.0.1:{port}']):
                self.send(self.driver(*urls, connect_timeout=0.5))
        self.assertEqual(2, len(peer.record('message')))

    def test_server_of_another_protocol_is_reported(self):
        for response in (b'HTTP/1.0 400 Bad Request\r\n\r\n',
                         b'AMQP\x00\x00\x09\x01'):
            with _listener(response) as port:
                url = f'amqp://127.0.0.1:{port}'
                text = self.assert_send_fails(
                    errors.NotDelivered, self.driver(url), url, 'AMQP 1.0',
                    retry=0)
                self.assertNotIn('TLS', text)

    def test_server_without_sasl_is_reported(self):
        with _listener(b'AMQP\x00\x01\x00\x00') as port:
            text = self.assert_send_fails(
                errors.NotDelivered, self.driver(f'amqp://127.0.0.1:{port}'),
                'without SASL', retry=0)
        self.assertNotIn('TLS', text)

    def test_reasons_that_differ_in_numbers_are_logged_once(self):
        peer = self.start_peer()
        driver = self.driver(peer.url())
        for address, key in (('', 'open'), (ADDRESS, 'attach')):
            for number in range(3):
                for condition in ('amqp:not-found', 'amqp:internal-error'):
                    peer.set_rule(
                        address, **{key: 'close'}, condition=condition,
                        description=f'at {number}:17, id {uuid.uuid4()}')
                    self.assert_send_fails(errors.NotDelivered, driver,
                                           condition, retry=0)
            peer.set_rule(address)
        self.assertEqual(2, len(self.warnings()))
        self.send(driver)
        driver.close()
        self.assertIn('works again', self.log_output())


class UnavailableTest(Case):

    def test_unavailable_server_is_logged_with_the_cause(self):
        url = self.unused_url()
        driver = self.driver(url)
        for _ in range(3):
            self.assert_send_fails(errors.NotDelivered, driver, url,
                                   'Connection refused', retry=1)
        warning, = self.warnings()
        self.assertIn(url, warning)
        self.assertIn('Connection refused', warning)

    def test_cause_appears_once_in_the_log_of_a_service(self):
        conf = cfg.ConfigOpts()
        log.register_options(conf)
        conf([], project='service', default_config_files=[])
        handler = logging.StreamHandler(io.StringIO())
        handler.setFormatter(formatters.ContextFormatter(config=conf))
        logger = logging.getLogger('usermsg')
        logger.addHandler(handler)
        self.addCleanup(logger.removeHandler, handler)
        url = self.unused_url()
        self.assert_send_fails(errors.NotDelivered, self.driver(url), retry=0)
        line, = handler.stream.getvalue().splitlines()
        self.assertEqual('Connection refused', line.rpartition(f'{url}: ')[2])

    def test_unknown_host_name_is_reported(self):
        self.assert_send_fails(
            errors.NotDelivered, self.driver('amqp://nowhere.invalid'),
            'nowhere.invalid', 'name', retry=0)

    def test_all_addresses_of_a_host_name_are_tried(self):
        closed, peer = self.start_peer(), self.start_peer()
        closed.set_rule('', open='close', condition='amqp:connection:forced')
        with (socket.create_server(('127.0.0.1', 0)) as silent,
              _full_port() as full):
            for port in (servers.free_port(), silent.getsockname()[1], full,
                         closed.port):
                name = self.name(port, peer.port)
                self.send(self.driver(f'amqp://{name}', connect_timeout=2))
        self.assertEqual(4, len(peer.record('message')))

    def name(self, *ports):
        """Return a host name with several addresses, here ports."""
        name, original = f'{uuid.uuid4()}.example', socket.getaddrinfo
        self.useFixture(fixtures.MonkeyPatch(
            'socket.getaddrinfo', lambda host, *args, **kwargs: [
                (socket.AF_INET, socket.SOCK_STREAM, 6, '',
                 ('127.0.0.1', port))
                for port in ports] if host == name else original(
                    host, *args, **kwargs)))
        return name

    def test_send_without_retries_fails_at_the_first_error(self):
        url = self.unused_url()
        self.assert_send_fails(errors.NotDelivered, self.driver(url), url,
                               'Connection refused', retry=0)

    def test_queued_messages_arrive_when_the_server_starts(self):
        peer = self.start_peer()
        peer.kill()
        driver = self.driver(peer.url())
        expected, sent = self.submit(driver, 20)
        self.assertFalse(any(future.done() for future in sent))
        peer.start()
        self.wait_for_all(sent)
        self.assert_received(expected, peer)

    def test_all_hosts_are_tried(self):
        peer = self.start_peer()
        driver = self.driver(self.unused_url(), peer.url(), self.unused_url())
        self.send(driver)

    def test_next_host_is_used_when_one_is_killed(self):
        first, second = self.start_peer(), self.start_peer()
        driver = self.driver(first.url(), second.url())
        self.send(driver)
        killed, other = (first, second) if first.record() else (second, first)
        killed.kill()
        expected, sent = self.submit(driver, 20)
        self.wait_for_all(sent)
        self.assert_received(expected, other)
        other.kill()
        killed.start()
        expected, sent = self.submit(driver, 20)
        self.wait_for_all(sent)
        self.assertEqual(
            expected, qpid_case.unique_ids(killed.record('message')[1:]))

    def test_host_with_temporary_login_failure_is_skipped(self):
        busy, peer = self.start_peer(busy=True), self.start_peer()
        closed = self.start_peer()
        closed.set_rule('', open='close', condition='amqp:connection:forced')
        self.send(self.driver(busy.url(), closed.url(), peer.url()))

    def test_submit_to_an_unavailable_server_does_not_block(self):
        driver = self.driver(self.unused_url(), drain_timeout=0)
        _ids, sent = self.submit(driver, 1000)
        driver.close()
        for future in sent:
            self.assertIsInstance(future.exception(qpid_case.TIMEOUT),
                                  errors.NotDelivered)


@contextlib.contextmanager
def _full_port():
    """Port that neither accepts nor refuses connections."""
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.create_server(
            ('127.0.0.1', 0), backlog=0))
        for _ in range(4):
            sock = stack.enter_context(socket.socket())
            sock.setblocking(False)
            sock.connect_ex(listener.getsockname())
        yield listener.getsockname()[1]


@contextlib.contextmanager
def _listener(data):
    """Port that sends the same response to all clients, and disconnects."""
    with socket.create_server(('127.0.0.1', 0)) as listener:
        def serve():
            while True:
                try:
                    sock, _address = listener.accept()
                except OSError:
                    return
                with sock, contextlib.suppress(OSError):
                    sock.recv(8)
                    sock.sendall(data)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()
