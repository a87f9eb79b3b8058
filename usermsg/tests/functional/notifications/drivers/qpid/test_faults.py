# SPDX-License-Identifier: Apache-2.0
"""The driver ``qpid`` while servers go, come back, or keep silent."""

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

    def nowhere(self):
        """A URL at which nobody listens."""
        return f'amqp://127.0.0.1:{servers.free_port()}'

    def await_all(self, sent):
        for future in sent:
            future.result(qpid_case.TIMEOUT)

    def assertArrived(self, wanted, peer):
        """All, and each for the first time in the order of sending."""
        self.assertEqual(wanted, qpid_case.ids(peer.record('message')))


class BrokenTest(Case):

    def test_all_arrive_over_connections_that_break(self):
        for what in ('detach', 'end', 'close', 'drop'):
            peer = self.start_peer()
            # Confirmations are late, so that each end has some to lose.
            peer.tell(ADDRESS, do=what, after=40, times=3, hold=0.02,
                      condition='amqp:connection:forced')
            driver = self.driver(peer.url())
            wanted, sent = self.submit(driver, 300)
            self.await_all(sent)
            self.assertArrived(wanted, peer)
            self.assertEqual(3, len(peer.record('message', outcome=what)))
            driver.close()

    def test_what_was_confirmed_is_not_sent_again(self):
        peer = self.start_peer()
        driver = self.driver(peer.url())
        before, sent = self.submit(driver, 50)
        self.await_all(sent)
        peer.tell(ADDRESS, now='drop')
        peer.wait_for(1, 'gone', reason='dropped')
        peer.tell(ADDRESS)
        after, sent = self.submit(driver, 50)
        self.await_all(sent)
        self.assertEqual(before + after, [
            message['id'] for message in peer.record('message')])

    def test_what_was_on_its_way_is_sent_again_with_its_id(self):
        peer = self.start_peer()
        peer.tell(ADDRESS, do='stall', times=1)
        driver = self.driver(peer.url())
        wanted, sent = self.submit(driver, 20)
        peer.wait_for(20, outcome='stall')
        peer.tell(ADDRESS, now='drop')
        peer.wait_for(1, 'gone', reason='dropped')
        peer.tell(ADDRESS)
        self.await_all(sent)
        self.assertEqual(wanted + wanted, [
            message['id'] for message in peer.record('message')])

    def test_all_arrive_at_a_server_that_is_killed_and_comes_back(self):
        peer = self.start_peer()
        peer.tell(ADDRESS, hold=0.02)
        driver = self.driver(peer.url())
        wanted, sent = self.submit(driver, 400)
        for number in (50, 200):
            peer.wait_for(number)
            peer.kill()
            peer.start()
        self.await_all(sent)
        self.assertArrived(wanted, peer)

    def test_a_server_that_ends_as_it_should_is_found_again(self):
        peer = self.start_peer()
        driver = self.driver(peer.url())
        self.send(driver)
        peer.tell(ADDRESS, now='close', condition='amqp:connection:forced',
                  description='maintenance')
        peer.wait_for(1, 'gone')
        peer.kill()
        sent = driver.submit({}, qpid_case.note(), 'info')
        peer.tell(ADDRESS)
        peer.start()
        sent.result(qpid_case.TIMEOUT)
        driver.close()
        self.assertIn('works again', self.logged())

    def test_a_router_that_loses_its_broker_does_not_blame_a_message(self):
        peer = self.start_peer()
        peer.tell(ADDRESS, do='detach', times=4,
                  condition='qd:routed-link-lost')
        self.assertArrived(
            [self.send(self.driver(peer.url()))['message_id']], peer)


class PoisonTest(Case):
    """One message for which a server ends what all are sent over."""

    def find(self, kind, what, **more):
        peer = self.start_peer()
        driver = self.driver(peer.url())
        body = qpid_case.note()
        peer.tell(ADDRESS, do=what, only=[body['message_id']], hold=0.01,
                  **more)
        before, sent_before = self.submit(driver, 20)
        poison = driver.submit({}, body, 'info')
        after, sent_after = self.submit(driver, 40)
        self.await_all(sent_before + sent_after)
        error = poison.exception(qpid_case.TIMEOUT)
        self.assertIs(kind, type(error))
        self.assertIn(str(peer.port), str(error))
        self.assertEqual(before + after, qpid_case.ids(
            peer.record('message', outcome='accept')))
        return str(error)

    def test_what_ends_its_session_is_refused_and_the_others_go_on(self):
        self.assertIn('too much of it', self.find(
            errors.Rejected, 'end', condition='amqp:precondition-failed',
            description='too much of it'))

    def test_what_ends_its_link_is_refused_and_the_others_go_on(self):
        self.assertIn('amqp:decode-error', self.find(
            errors.Rejected, 'detach', condition='amqp:decode-error'))

    def test_what_ends_its_link_for_a_right_may_go_later(self):
        self.assertIn('amqp:not-allowed', self.find(
            errors.NotDelivered, 'detach', condition='amqp:not-allowed'))

    def test_what_breaks_each_connection_does_not_hold_up_the_others(self):
        self.find(errors.NotDelivered, 'drop')


class UnexpectedTest(Case):
    """What no server does: errors of this host, and defects."""

    def fail(self, name, times, error, when=lambda *arguments: True):
        """Have a method of selectors fail so often.

        :param when: told its arguments; whether it is meant
        """
        method = getattr(selectors.PollSelector, name)
        left = [error] * times

        def instead(selector, *arguments):
            if left and when(*arguments):
                raise left.pop()
            return method(selector, *arguments)

        self.useFixture(fixtures.MonkeyPatch(
            f'selectors.PollSelector.{name}', instead))

    def assertOvercome(self, driver, peer):
        for future in [driver.submit({}, qpid_case.note(), 'info')
                       for _ in range(3)]:
            future.result(qpid_case.TIMEOUT)
        self.send(driver)
        driver.close()
        self.assertEqual(1, self.logged().count('Traceback'))
        self.assertEqual(1, len(self.warnings()))
        self.assertIn(f'127.0.0.1:{peer.port} works again', self.logged())

    def test_a_connection_that_cannot_be_watched_is_made_again(self):
        peer = self.start_peer()
        self.fail('register', 2, OSError(errno.ENOSPC, 'no watches left'),
                  lambda found, *_: isinstance(found, connection.Connection))
        self.assertOvercome(self.driver(peer.url()), peer)

    def test_an_unexpected_error_is_said_once_and_ends_no_thread(self):
        peer = self.start_peer()
        self.fail('select', 2, RuntimeError('a defect'), lambda *_: (
            threading.current_thread().name == 'usermsg-qpid'))
        self.assertOvercome(self.driver(peer.url()), peer)

    def test_without_files_to_open_it_is_not_delivered_and_later_is(self):
        peer = self.start_peer()
        driver = self.driver(peer.url())
        self.fail('__init__', 1, OSError(errno.EMFILE, 'too many files'))
        self.refusal(errors.NotDelivered, driver, 'too many files')
        self.send(driver)


class SilentTest(Case):

    def test_a_frozen_server_is_noticed_and_another_taken(self):
        first, second = self.start_peer(), self.start_peer()
        driver = self.driver(first.url(), second.url(), idle_timeout=1)
        self.send(driver)
        frozen, other = (first, second) if first.record() else (second, first)
        frozen.freeze()
        wanted, sent = self.submit(driver, 20)
        self.await_all(sent)
        self.assertArrived(wanted, other)

    def test_all_arrive_when_a_frozen_server_goes_on(self):
        peer = self.start_peer()
        driver = self.driver(peer.url(), idle_timeout=1, connect_timeout=1)
        self.send(driver)
        peer.freeze()
        wanted, sent = self.submit(driver, 20)
        self.await_warning(f'127.0.0.1:{peer.port}: no sign of life')
        peer.thaw()
        self.await_all(sent)
        self.assertEqual(
            set(wanted), {message['id'] for message in
                          peer.record('message')[1:]})

    def await_warning(self, text):
        """Until it is logged that something is wrong there."""
        waited = threading.Event()
        for _ in range(qpid_case.TIMEOUT * 50):
            if any(text in line for line in self.warnings()):
                return
            waited.wait(0.02)
        self.fail(f'no warning of {text}: {self.logged()}')

    def test_nobody_waits_longer_than_told_for_a_frozen_server(self):
        peer = self.start_peer()
        driver = self.driver(peer.url(), delivery_timeout=0.5)
        peer.freeze()
        self.refusal(errors.NotDelivered, driver, f'127.0.0.1:{peer.port}')

    def test_a_port_that_never_answers_is_given_up(self):
        peer = self.start_peer()
        with socket.create_server(('127.0.0.1', 0)) as silent:
            port = silent.getsockname()[1]
            for hosts in ([f'amqp://127.0.0.1:{port}', peer.url()],
                          [peer.url(), f'amqp://127.0.0.1:{port}']):
                self.send(self.driver(*hosts, connect_timeout=0.5))
        self.assertEqual(2, len(peer.record('message')))

    def test_a_server_of_another_protocol_is_named_for_it(self):
        for answer in (b'HTTP/1.0 400 Bad Request\r\n\r\n',
                       b'AMQP\x00\x00\x09\x01'):
            with _answering(answer) as port:
                url = f'amqp://127.0.0.1:{port}'
                said = self.refusal(errors.NotDelivered, self.driver(url),
                                    url, 'AMQP 1.0', retry=0)
                self.assertNotIn('TLS', said)

    def test_a_server_without_sasl_is_named_for_it(self):
        with _answering(b'AMQP\x00\x01\x00\x00') as port:
            said = self.refusal(
                errors.NotDelivered, self.driver(f'amqp://127.0.0.1:{port}'),
                'without SASL', retry=0)
        self.assertNotIn('TLS', said)

    def test_what_differs_in_numbers_only_is_said_once(self):
        peer = self.start_peer()
        driver = self.driver(peer.url())
        for where, how in (('', 'open'), (ADDRESS, 'attach')):
            for number in range(3):
                for why in ('amqp:not-found', 'amqp:internal-error'):
                    peer.tell(where, **{how: 'close'}, condition=why,
                              description=f'at {number}:17, id {uuid.uuid4()}')
                    self.refusal(errors.NotDelivered, driver, why, retry=0)
            peer.tell(where)
        self.assertEqual(2, len(self.warnings()))
        self.send(driver)
        driver.close()
        self.assertIn('works again', self.logged())


class AwayTest(Case):

    def test_a_server_that_never_comes_is_named_with_the_cause(self):
        url = self.nowhere()
        driver = self.driver(url)
        for _ in range(3):
            self.refusal(errors.NotDelivered, driver, url,
                         'Connection refused', retry=1)
        warning, = self.warnings()
        self.assertIn(url, warning)
        self.assertIn('Connection refused', warning)

    def test_the_cause_is_said_once_in_the_log_of_a_service(self):
        conf = cfg.ConfigOpts()
        log.register_options(conf)
        conf([], project='service', default_config_files=[])
        handler = logging.StreamHandler(io.StringIO())
        handler.setFormatter(formatters.ContextFormatter(config=conf))
        logger = logging.getLogger('usermsg')
        logger.addHandler(handler)
        self.addCleanup(logger.removeHandler, handler)
        url = self.nowhere()
        self.refusal(errors.NotDelivered, self.driver(url), retry=0)
        line, = handler.stream.getvalue().splitlines()
        self.assertEqual('Connection refused', line.rpartition(f'{url}: ')[2])

    def test_a_name_that_does_not_exist_is_named(self):
        self.refusal(
            errors.NotDelivered, self.driver('amqp://nowhere.invalid'),
            'nowhere.invalid', 'name', retry=0)

    def test_all_addresses_of_a_name_are_tried(self):
        closed, peer = self.start_peer(), self.start_peer()
        closed.tell('', open='close', condition='amqp:connection:forced')
        with socket.create_server(('127.0.0.1', 0)) as silent, _full() as full:
            for port in (servers.free_port(), silent.getsockname()[1], full,
                         closed.port):
                name = self.name(port, peer.port)
                self.send(self.driver(f'amqp://{name}', connect_timeout=2))
        self.assertEqual(4, len(peer.record('message')))

    def name(self, *ports):
        """A name of several addresses, here with a port each."""
        name, known = f'{uuid.uuid4()}.example', socket.getaddrinfo
        self.useFixture(fixtures.MonkeyPatch(
            'socket.getaddrinfo', lambda asked, *args, **kwargs: [
                (socket.AF_INET, socket.SOCK_STREAM, 6, '',
                 ('127.0.0.1', port))
                for port in ports] if asked == name else known(
                    asked, *args, **kwargs)))
        return name

    def test_without_retries_the_first_failure_counts(self):
        url = self.nowhere()
        self.refusal(errors.NotDelivered, self.driver(url), url,
                     'Connection refused', retry=0)

    def test_what_waits_arrives_when_the_server_comes(self):
        peer = self.start_peer()
        peer.kill()
        driver = self.driver(peer.url())
        wanted, sent = self.submit(driver, 20)
        self.assertFalse(any(future.done() for future in sent))
        peer.start()
        self.await_all(sent)
        self.assertArrived(wanted, peer)

    def test_all_hosts_are_tried(self):
        peer = self.start_peer()
        driver = self.driver(self.nowhere(), peer.url(), self.nowhere())
        self.send(driver)

    def test_the_next_host_is_taken_when_one_goes(self):
        first, second = self.start_peer(), self.start_peer()
        driver = self.driver(first.url(), second.url())
        self.send(driver)
        gone, other = (first, second) if first.record() else (second, first)
        gone.kill()
        wanted, sent = self.submit(driver, 20)
        self.await_all(sent)
        self.assertArrived(wanted, other)
        other.kill()
        gone.start()
        wanted, sent = self.submit(driver, 20)
        self.await_all(sent)
        self.assertEqual(wanted, qpid_case.ids(gone.record('message')[1:]))

    def test_a_host_that_lets_nobody_in_now_is_passed_over(self):
        busy, peer = self.start_peer(busy=True), self.start_peer()
        closed = self.start_peer()
        closed.tell('', open='close', condition='amqp:connection:forced')
        self.send(self.driver(busy.url(), closed.url(), peer.url()))

    def test_a_server_that_is_away_costs_nothing_to_who_does_not_wait(self):
        driver = self.driver(self.nowhere(), drain_timeout=0)
        _ids, sent = self.submit(driver, 1000)
        driver.close()
        for future in sent:
            self.assertIsInstance(future.exception(qpid_case.TIMEOUT),
                                  errors.NotDelivered)


@contextlib.contextmanager
def _full():
    """A port that takes no connection, nor refuses one."""
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.create_server(
            ('127.0.0.1', 0), backlog=0))
        for _ in range(4):
            sock = stack.enter_context(socket.socket())
            sock.setblocking(False)
            sock.connect_ex(listener.getsockname())
        yield listener.getsockname()[1]


@contextlib.contextmanager
def _answering(data):
    """A port that gives one answer to all, and ends the connection."""
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
