# SPDX-License-Identifier: Apache-2.0
"""The driver ``qpid`` and all that a server can answer."""

import json

from oslo_context import context

from usermsg.notifications import errors
from usermsg.tests.fixtures import qpid_case
from usermsg.tests.fixtures import qpid_peer
from usermsg.tests.fixtures import servers

ADDRESS = qpid_case.ADDRESS
OTHER = 'notifications.error'


class Case(qpid_case.QpidCase):

    def setUp(self):
        super().setUp()
        self.peer = servers.require(qpid_peer.Peer)
        self.addCleanup(self.peer.stop)
        self.host = f'amqp://127.0.0.1:{self.peer.port}'


class MessageTest(Case):

    def test_a_message_says_what_it_is_and_is_to_be_stored(self):
        body = self.send(self.driver(self.peer.url()))
        message, = self.peer.record('message')
        self.assertEqual(
            (body['message_id'], ADDRESS, ADDRESS, True, 'application/json',
             False),
            tuple(message[name] for name in (
                'id', 'address', 'subject', 'durable', 'content_type',
                'settled')))
        self.assertIsNone(message['content_encoding'])

    def test_the_envelope_is_a_text_of_request_and_context(self):
        user = context.RequestContext(
            auth_token=qpid_case.PASSWORD, user_id='alice', project_id='red')
        body = self.send(self.driver(self.peer.url()), context=user)
        message, = self.peer.record('message')
        # A value of AMQP rather than a section of data.
        self.assertEqual(('str', False),
                         (message['body_type'], message['inferred']))
        self.assertNotIn(qpid_case.PASSWORD, message['body'])
        envelope = json.loads(message['body'])
        self.assertEqual({'request', 'context'}, set(envelope))
        self.assertEqual('2.0', envelope['request']['oslo.version'])
        self.assertEqual(
            body, json.loads(envelope['request']['oslo.message']))
        self.assertEqual('alice', envelope['context']['user'])

    def test_without_an_envelope_it_is_the_six_attributes_as_data(self):
        body = self.send(self.driver(self.peer.url(), envelope='none'),
                         context={'user_id': 'alice'})
        message, = self.peer.record('message')
        self.assertEqual(('bytes', True),
                         (message['body_type'], message['inferred']))
        self.assertEqual(body, json.loads(message['body']['binary']))

    def test_any_text_arrives_as_it_is(self):
        payload = {'text': 'Grüße, 世界 \U0001f600 \0 "quoted" ' + 'x' * 70000}
        self.send(self.driver(self.peer.url(), envelope='none'),
                  qpid_case.note(payload=payload))
        message, = self.peer.record('message')
        self.assertEqual(
            payload, json.loads(message['body']['binary'])['payload'])

    def test_each_topic_gets_one_with_the_same_id(self):
        driver = self.driver(self.peer.url(), topics=('one', 'two'))
        body = self.send(driver, priority='WARN')
        messages = self.peer.record('message')
        self.assertEqual({'one.warn', 'two.warn'},
                         {message['address'] for message in messages})
        self.assertEqual([body['message_id']], qpid_case.ids(messages))

    def test_addresses_and_subjects_are_made_as_told(self):
        driver = self.driver(
            self.peer.url(), address='/exchange/{exchange}/{topic}',
            subject='{event_type}-{priority}', exchange='glance')
        self.send(driver)
        message, = self.peer.record('message')
        self.assertEqual(
            ('/exchange/glance/notifications', 'image.update-info'),
            (message['address'], message['subject']))

    def test_a_virtual_host_is_asked_for(self):
        self.send(self.driver(self.peer.url(), vhost='vhost:tests'))
        opened, = self.peer.record('open')
        self.assertEqual('vhost:tests', opened['hostname'])

    def test_a_node_is_made_if_that_is_wanted(self):
        self.send(self.driver(self.peer.url(), create='queue'))
        link, = self.peer.record('link')
        self.assertEqual(['create-on-demand', 'queue'], link['capabilities'])
        # Else what is in it is gone when the server starts again.
        self.assertEqual([{'durable': True}], link['properties'])

    def test_nothing_is_said_of_a_node_that_exists(self):
        self.send(self.driver(self.peer.url()))
        link, = self.peer.record('link')
        self.assertEqual(([], []), (link['capabilities'], link['properties']))


class OutcomeTest(Case):

    def test_what_is_rejected_is_refused_and_not_sent_again(self):
        self.peer.tell(ADDRESS, do='reject', condition='amqp:decode-error',
                       description='not to my taste')
        driver = self.driver(self.peer.url())
        self.refusal(errors.Rejected, driver, self.host, ADDRESS,
                     'amqp:decode-error', 'not to my taste')
        self.peer.tell(ADDRESS)
        body = self.send(driver)
        self.assertEqual(
            [('reject', True), ('accept', False)],
            [(message['outcome'], message['id'] != body['message_id'])
             for message in self.peer.record('message')])

    def test_what_is_rejected_for_what_it_is_is_refused(self):
        driver = self.driver(self.peer.url())
        for condition in ('amqp:link:message-size-exceeded',
                          'amqp:invalid-field', 'amqp:precondition-failed',
                          'amqp:not-implemented'):
            self.peer.tell(ADDRESS, do='reject', condition=condition)
            self.refusal(errors.Rejected, driver, self.host, ADDRESS,
                         condition)

    def test_what_is_rejected_without_a_reason_may_go_later(self):
        self.peer.tell(ADDRESS, do='reject')
        driver = self.driver(self.peer.url())
        self.refusal(errors.NotDelivered, driver, self.host, ADDRESS,
                     'without a reason')
        self.assertEqual(1, len(self.peer.record('message')))
        self.peer.tell(ADDRESS)
        self.send(driver)

    def test_what_is_rejected_for_a_reason_of_others_may_go_later(self):
        driver = self.driver(self.peer.url())
        for condition in ('amqp:unauthorized-access', 'amqp:not-allowed',
                          'amqp:not-found', 'acme:full'):
            self.peer.tell(ADDRESS, do='reject', condition=condition)
            self.refusal(errors.NotDelivered, driver, self.host, ADDRESS,
                         condition)

    def test_what_is_rejected_for_its_queue_may_go_later(self):
        driver = self.driver(self.peer.url())
        for reason in ('maxlen', 'unavailable'):
            self.peer.tell(
                ADDRESS, do='reject', condition='amqp:precondition-failed',
                info={'queue': 'audit', 'reason': reason})
            self.refusal(errors.NotDelivered, driver, self.host, ADDRESS)
        self.peer.tell(
            ADDRESS, do='reject', condition='amqp:precondition-failed',
            info={'queue': 'audit', 'reason': 'anything else'})
        self.refusal(errors.Rejected, driver, self.host, ADDRESS)

    def test_what_is_rejected_for_now_is_sent_again(self):
        self.peer.tell(ADDRESS, do='reject', times=1,
                       condition='amqp:resource-limit-exceeded')
        body = self.send(self.driver(self.peer.url()))
        self.assertEqual(
            [(body['message_id'], 'reject'), (body['message_id'], 'accept')],
            [(message['id'], message['outcome'])
             for message in self.peer.record('message')])

    def test_what_is_released_is_sent_again(self):
        self.peer.tell(ADDRESS, do='release', times=2)
        body = self.send(self.driver(self.peer.url()))
        self.assertEqual(
            [(body['message_id'], outcome)
             for outcome in ('release', 'release', 'accept')],
            [(message['id'], message['outcome'])
             for message in self.peer.record('message')])

    def test_what_is_modified_is_sent_again(self):
        self.peer.tell(ADDRESS, do='modify', failed=True, times=1)
        body = self.send(self.driver(self.peer.url()))
        self.assertEqual(
            [(body['message_id'], 'modify'), (body['message_id'], 'accept')],
            [(message['id'], message['outcome'])
             for message in self.peer.record('message')])

    def test_what_is_undeliverable_here_is_refused(self):
        self.peer.tell(ADDRESS, do='modify', undeliverable=True)
        self.refusal(errors.Rejected, self.driver(self.peer.url()), self.host,
                     ADDRESS)
        self.assertEqual(1, len(self.peer.record('message')))

    def test_what_is_settled_without_an_outcome_is_sent_again(self):
        self.peer.tell(ADDRESS, do='settle', times=1)
        body = self.send(self.driver(self.peer.url()))
        self.assertEqual(
            [(body['message_id'], 'settle'), (body['message_id'], 'accept')],
            [(message['id'], message['outcome'])
             for message in self.peer.record('message')])

    def test_what_is_received_is_not_yet_accepted(self):
        self.peer.tell(ADDRESS, do='release', times=1, received=True,
                       hold=0.05)
        body = self.send(self.driver(self.peer.url()))
        self.assertEqual(
            [(body['message_id'], 'release'), (body['message_id'], 'accept')],
            [(message['id'], message['outcome'])
             for message in self.peer.record('message')])

    def test_what_nobody_knows_is_not_yet_an_outcome(self):
        self.peer.tell(ADDRESS, noticed=True, hold=0.05)
        self.send(self.driver(self.peer.url()))
        self.assertEqual(1, len(self.peer.record('message')))

    def test_a_reason_that_is_no_text_is_not_repeated(self):
        driver = self.driver(self.peer.url(), drain_timeout=0)
        for what in ('reject', 'detach', 'end', 'close'):
            self.peer.tell(ADDRESS, do=what, condition='amqp:not-allowed',
                           description='no \udcff\udcfe text')
            self.refusal(errors.NotDelivered, driver, self.host,
                         'cannot be read', retry=0)
        self.assertNotIn('Traceback', self.logged())
        self.peer.tell(ADDRESS)
        self.send(driver)

    def test_what_is_accepted_need_not_be_settled(self):
        self.peer.tell(ADDRESS, unsettled=True)
        driver = self.driver(self.peer.url(), max_in_flight=3)
        wanted, sent = self.submit(driver, 20)
        for future in sent:
            future.result(qpid_case.TIMEOUT)
        self.assertEqual(wanted, [
            message['id'] for message in self.peer.record('message')])

    def test_what_is_always_released_is_given_up_in_time(self):
        self.peer.tell(ADDRESS, do='release')
        driver = self.driver(self.peer.url(), delivery_timeout=1)
        self.refusal(errors.NotDelivered, driver, self.host, ADDRESS)

    def test_what_is_not_confirmed_is_not_delivered(self):
        self.peer.tell(ADDRESS, do='stall')
        driver = self.driver(self.peer.url(), delivery_timeout=1)
        self.refusal(errors.NotDelivered, driver, self.host, ADDRESS)
        self.peer.tell(ADDRESS)
        self.send(driver)

    def test_one_released_does_not_hold_up_the_others(self):
        driver = self.driver(self.peer.url())
        self.send(driver)
        body = qpid_case.note()
        self.peer.tell(ADDRESS, do='release', only=[body['message_id']])
        released = driver.submit({}, body, 'info')
        self.peer.wait_for(1, outcome='release')
        for _ in range(3):
            self.send(driver)
        self.assertFalse(released.done())
        self.peer.tell(ADDRESS)
        released.result(qpid_case.TIMEOUT)

    def test_what_nobody_confirms_does_not_use_up_the_window(self):
        driver = self.driver(
            self.peer.url(), max_in_flight=2, delivery_timeout=2)
        self.peer.tell(ADDRESS, do='stall')
        _ids, sent = self.submit(driver, 2)
        for future in sent:
            self.assertIsInstance(future.exception(qpid_case.TIMEOUT),
                                  errors.NotDelivered)
        self.peer.tell(ADDRESS)
        self.send(driver)

    def test_what_nobody_confirms_has_one_copy_and_no_more(self):
        driver = self.driver(
            self.peer.url(), delivery_timeout=1, drain_timeout=0)
        self.peer.tell(ADDRESS, do='stall')
        body = qpid_case.note()
        for _ in range(4):
            self.refusal(errors.NotDelivered, driver, body=body)
        self.send(driver, priority='ERROR')
        sent = [message['id'] for message in
                self.peer.record('message', address=ADDRESS)]
        self.assertEqual([body['message_id']] * 2, sent)

    def test_a_confirmation_that_comes_late_counts(self):
        driver = self.driver(
            self.peer.url(), delivery_timeout=1, drain_timeout=0)
        self.peer.tell(ADDRESS, do='stall')
        body = qpid_case.note()
        for _ in range(3):
            self.refusal(errors.NotDelivered, driver, body=body)
        self.peer.tell(ADDRESS, do='stall', now='accept')
        # On the same connection: then the others are confirmed too.
        for _ in range(3):
            self.send(driver, priority='ERROR')
        self.send(driver, body)
        self.assertEqual(
            2, len(self.peer.record('message', address=ADDRESS)))


class NodeTest(Case):

    def test_a_node_that_is_not_there_is_waited_for(self):
        self.peer.tell(ADDRESS, attach='refuse', times=2,
                       condition='amqp:not-found', description='no node')
        driver = self.driver(self.peer.url())
        self.send(driver)
        self.assertEqual(3, len(self.peer.record('link')))
        warning, = self.warnings()
        for text in (self.host, ADDRESS, 'amqp:not-found', 'no node'):
            self.assertIn(text, warning)

    def test_a_node_that_never_comes_is_named(self):
        self.peer.tell(ADDRESS, attach='refuse', condition='amqp:not-found')
        self.refusal(
            errors.NotDelivered, self.driver(self.peer.url()), self.host,
            ADDRESS, 'amqp:not-found', retry=1)

    def test_what_is_forbidden_is_said_once_until_it_is_allowed(self):
        driver = self.driver(self.peer.url())
        for number, condition in enumerate((
                'amqp:unauthorized-access', 'amqp:not-allowed',
                'amqp:invalid-field', 'amqp:not-implemented')):
            for how in ('refuse', 'end'):
                self.peer.tell(ADDRESS, attach=how, condition=condition)
                self.refusal(errors.NotDelivered, driver, self.host, ADDRESS,
                             condition)
            warnings = self.warnings()
            self.assertEqual(number + 1, len(warnings))
            for text in (self.host, ADDRESS, condition):
                self.assertIn(text, warnings[-1])
        self.peer.tell(ADDRESS)
        self.send(driver)
        driver.close()
        self.assertIn(f'{ADDRESS} works again', self.logged())

    def test_a_right_taken_away_is_not_the_fault_of_what_is_sent(self):
        driver = self.driver(self.peer.url())
        self.send(driver)
        self.peer.tell(ADDRESS, do='end',
                       condition='amqp:unauthorized-access')
        self.refusal(errors.NotDelivered, driver, self.host, ADDRESS,
                     'amqp:unauthorized-access')
        self.peer.tell(ADDRESS)
        self.send(driver)

    def test_a_node_that_is_refused_does_not_hold_up_another(self):
        driver = self.driver(self.peer.url(), drain_timeout=0)
        for how in ('refuse', 'end', 'ignore'):
            self.peer.tell(ADDRESS, attach=how, condition='amqp:not-found')
            _ids, sent = self.submit(driver, 5)
            self.send(driver, priority='ERROR')
            self.assertEqual(
                [], [future for future in sent if future.done()])
        opened = self.peer.record('open')
        self.assertEqual(1, len(opened))

    def test_an_end_without_a_reason_is_got_over(self):
        for what in ('detach', 'suspend', 'end', 'close', 'drop'):
            driver = self.driver(self.peer.url())
            self.peer.tell(ADDRESS, do=what, times=1)
            self.send(driver)

    def test_a_link_that_is_suspended_is_made_again(self):
        driver = self.driver(self.peer.url())
        self.send(driver)
        self.peer.tell(ADDRESS, now='suspend',
                       condition='amqp:link:detach-forced')
        self.peer.wait_for(1, 'unlinked')
        self.send(driver)
        self.assertEqual(2, len(self.peer.record('link')))
        self.assertEqual(1, len(self.peer.record('open')))

    def test_a_node_that_does_not_answer_is_given_up_in_time(self):
        self.peer.tell(ADDRESS, attach='ignore')
        driver = self.driver(self.peer.url(), delivery_timeout=1)
        self.refusal(errors.NotDelivered, driver, self.host, ADDRESS)


class SizeTest(Case):

    def test_what_is_too_large_is_refused_and_the_others_go_on(self):
        self.peer.tell(ADDRESS, max_message_size=3000)
        driver = self.driver(self.peer.url())
        large = qpid_case.note(payload={'x': qpid_case.PAYLOAD * 1000})
        before, sent_before = self.submit(driver, 3)
        refused = driver.submit({}, large, 'info')
        after, sent_after = self.submit(driver, 3)
        error = refused.exception(qpid_case.TIMEOUT)
        self.assertIsInstance(error, errors.Rejected)
        for text in (self.host, ADDRESS, '3000'):
            self.assertIn(text, str(error))
        for future in sent_before + sent_after:
            future.result(qpid_case.TIMEOUT)
        self.assertEqual(
            before + after, qpid_case.ids(self.peer.record('message')))

    def test_a_link_that_ends_for_the_size_is_not_ended_again(self):
        driver = self.driver(self.peer.url())
        small, large = qpid_case.note(), qpid_case.note(
            payload={'x': qpid_case.PAYLOAD * 1000})
        self.peer.tell(ADDRESS, do='detach', only=[large['message_id']],
                       condition='amqp:link:message-size-exceeded')
        refused = driver.submit({}, large, 'info')
        sent = driver.submit({}, small, 'info')
        self.assertIsInstance(
            refused.exception(qpid_case.TIMEOUT), errors.Rejected)
        sent.result(qpid_case.TIMEOUT)

    def test_what_json_cannot_hold_is_refused_and_never_sent(self):
        driver = self.driver(self.peer.url())
        loop = {'secret': qpid_case.PAYLOAD}
        loop['loop'] = loop
        for payload in (loop, {'x': float('nan')}):
            body = {**qpid_case.note(), 'payload': payload}
            self.refusal(errors.Rejected, driver, 'JSON', body=body)
        self.send(driver)
        self.assertEqual(1, len(self.peer.record('message')))


class FrameTest(qpid_case.QpidCase):

    def test_large_ones_go_in_small_frames(self):
        peer = servers.require(
            lambda: qpid_peer.Peer(max_frame_size=512))
        self.addCleanup(peer.stop)
        driver = self.driver(peer.url())
        bodies = [qpid_case.note(payload={'x': 'x' * 100_000})
                  for _ in range(5)]
        for future in [driver.submit({}, body, 'info') for body in bodies]:
            future.result(qpid_case.TIMEOUT)
        self.assertEqual([body['message_id'] for body in bodies],
                         qpid_case.ids(peer.record('message')))


class FlowTest(Case):

    def test_all_arrive_in_order_one_by_one(self):
        self.peer.tell(ADDRESS, credit=1)
        wanted, sent = self.submit(self.driver(self.peer.url()), 50)
        for future in sent:
            future.result(qpid_case.TIMEOUT)
        self.assertEqual(wanted, [
            message['id'] for message in self.peer.record('message')])

    def test_without_credit_nothing_is_sent_until_there_is_some(self):
        self.peer.tell(ADDRESS, credit=0)
        driver = self.driver(self.peer.url())
        _ids, sent = self.submit(driver, 5)
        self.peer.wait_for(1, 'link', address=ADDRESS)
        self.send(driver, priority='ERROR')
        self.assertEqual([OTHER], [
            message['address'] for message in self.peer.record('message')])
        self.peer.tell(ADDRESS, credit=3)
        for future in sent:
            future.result(qpid_case.TIMEOUT)

    def test_without_credit_it_is_given_up_in_time(self):
        self.peer.tell(ADDRESS, credit=0)
        driver = self.driver(self.peer.url(), delivery_timeout=1)
        self.refusal(errors.NotDelivered, driver, self.host, ADDRESS)
        self.peer.tell(ADDRESS)
        body = self.send(driver)
        # What was given up isn't sent any more.
        self.assertEqual([body['message_id']],
                         qpid_case.ids(self.peer.record('message')))

    def test_credit_that_is_asked_for_is_given_back(self):
        driver = self.driver(self.peer.url())
        self.send(driver)
        self.peer.tell(ADDRESS, drain=True)
        self.peer.wait_for(1, 'drained')
        wanted, sent = self.submit(driver, 20)
        for future in sent:
            future.result(qpid_case.TIMEOUT)

    def test_credit_beyond_the_window_is_given_back(self):
        self.peer.tell(ADDRESS, do='stall')
        driver = self.driver(self.peer.url(), max_in_flight=3, drain_timeout=0)
        self.submit(driver, 5)
        self.peer.wait_for(3)
        self.peer.tell(ADDRESS, do='stall', drain=True)
        self.peer.wait_for(1, 'drained')

    def test_a_server_with_one_channel_gets_all(self):
        peer = servers.require(lambda: qpid_peer.Peer(channel_max=0))
        self.addCleanup(peer.stop)
        driver = self.driver(peer.url())
        for what in (None, 'detach', 'end', 'suspend'):
            peer.tell(OTHER, do=what or 'accept', times=1)
            sent = [self.submit(driver, 20, priority)[1]
                    for priority in ('INFO', 'ERROR', 'WARN')]
            for future in sum(sent, []):
                future.result(qpid_case.TIMEOUT)
        self.assertEqual(1, len(peer.record('open')))

    def test_many_are_on_their_way_at_once(self):
        self.peer.tell(ADDRESS, do='stall')
        driver = self.driver(self.peer.url(), drain_timeout=0)
        self.submit(driver, 100)
        self.peer.wait_for(100)

    def test_no_more_than_the_window_are_on_their_way(self):
        self.peer.tell(ADDRESS, do='stall')
        driver = self.driver(self.peer.url(), max_in_flight=10, drain_timeout=0)
        self.submit(driver, 30)
        self.peer.wait_for(10)
        self.send(driver, priority='ERROR')
        self.assertEqual(
            10, len(self.peer.record('message', address=ADDRESS)))

    def test_there_is_an_end_to_what_can_wait(self):
        self.peer.tell(ADDRESS, credit=0)
        driver = self.driver(
            self.peer.url(), max_pending=20, drain_timeout=0)
        _ids, sent = self.submit(driver, 21)
        self.refusal(errors.NotDelivered, driver)
        error = sent[20].exception(qpid_case.TIMEOUT)
        self.assertIs(errors.NotDelivered, type(error))
        self.peer.tell(ADDRESS)
        for future in sent[:20]:
            future.result(qpid_case.TIMEOUT)
