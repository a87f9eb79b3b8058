# SPDX-License-Identifier: Apache-2.0
"""Tests of the driver ``qpid`` with all outcomes and endings of a server."""

import json

from oslo_context import context

from usermsg.notifications import errors
from usermsg.tests.fixtures import qpid_case
from usermsg.tests.fixtures import qpid_peer
from usermsg.tests.fixtures import servers

ADDRESS = qpid_case.ADDRESS
ERROR_ADDRESS = 'notifications.error'


class Case(qpid_case.QpidCase):

    def setUp(self):
        super().setUp()
        self.peer = servers.require(qpid_peer.Peer)
        self.addCleanup(self.peer.stop)
        self.host = f'amqp://127.0.0.1:{self.peer.port}'


class MessageTest(Case):

    def test_message_is_durable_and_has_properties(self):
        body = self.send(self.driver(self.peer.url()))
        message, = self.peer.record('message')
        self.assertEqual(
            (body['message_id'], ADDRESS, ADDRESS, True, 'application/json',
             False),
            tuple(message[name] for name in (
                'id', 'address', 'subject', 'durable', 'content_type',
                'settled')))
        self.assertIsNone(message['content_encoding'])

    def test_envelope_amqp1_is_a_text_of_request_and_context(self):
        user = context.RequestContext(
            auth_token=qpid_case.PASSWORD, user_id='alice', project_id='red')
        body = self.send(self.driver(self.peer.url()), context=user)
        message, = self.peer.record('message')
        # Section amqp-value rather than data.
        self.assertEqual(('str', False),
                         (message['body_type'], message['inferred']))
        self.assertNotIn(qpid_case.PASSWORD, message['body'])
        envelope = json.loads(message['body'])
        self.assertEqual({'request', 'context'}, set(envelope))
        self.assertEqual('2.0', envelope['request']['oslo.version'])
        self.assertEqual(
            body, json.loads(envelope['request']['oslo.message']))
        self.assertEqual('alice', envelope['context']['user'])

    def test_envelope_none_is_the_six_attributes_as_data(self):
        body = self.send(self.driver(self.peer.url(), envelope='none'),
                         context={'user_id': 'alice'})
        message, = self.peer.record('message')
        self.assertEqual(('bytes', True),
                         (message['body_type'], message['inferred']))
        self.assertEqual(body, json.loads(message['body']['binary']))

    def test_unicode_and_long_text_arrives_unchanged(self):
        payload = {'text': 'Grüße, 世界 \U0001f600 \0 "quoted" ' + 'x' * 70000}
        self.send(self.driver(self.peer.url(), envelope='none'),
                  qpid_case.make_body(payload=payload))
        message, = self.peer.record('message')
        self.assertEqual(
            payload, json.loads(message['body']['binary'])['payload'])

    def test_each_topic_receives_a_message_with_the_same_id(self):
        driver = self.driver(self.peer.url(), topics=('one', 'two'))
        body = self.send(driver, priority='WARN')
        messages = self.peer.record('message')
        self.assertEqual({'one.warn', 'two.warn'},
                         {message['address'] for message in messages})
        self.assertEqual([body['message_id']], qpid_case.unique_ids(messages))

    def test_address_and_subject_templates_are_filled(self):
        driver = self.driver(
            self.peer.url(), address='/exchange/{exchange}/{topic}',
            subject='{event_type}-{priority}', exchange='glance')
        self.send(driver)
        message, = self.peer.record('message')
        self.assertEqual(
            ('/exchange/glance/notifications', 'image.update-info'),
            (message['address'], message['subject']))

    def test_vhost_is_sent_as_the_hostname(self):
        self.send(self.driver(self.peer.url(), vhost='vhost:tests'))
        opened, = self.peer.record('open')
        self.assertEqual('vhost:tests', opened['hostname'])

    def test_create_requests_a_durable_node(self):
        self.send(self.driver(self.peer.url(), create='queue'))
        link, = self.peer.record('link')
        self.assertEqual(['create-on-demand', 'queue'], link['capabilities'])
        # Otherwise its messages are lost when the server restarts.
        self.assertEqual([{'durable': True}], link['properties'])

    def test_link_without_create_has_no_capabilities(self):
        self.send(self.driver(self.peer.url()))
        link, = self.peer.record('link')
        self.assertEqual(([], []), (link['capabilities'], link['properties']))


class OutcomeTest(Case):

    def test_rejected_message_is_not_sent_again(self):
        self.peer.set_rule(ADDRESS, do='reject', condition='amqp:decode-error',
                           description='invalid payload')
        driver = self.driver(self.peer.url())
        self.assert_send_fails(errors.Rejected, driver, self.host, ADDRESS,
                               'amqp:decode-error', 'invalid payload')
        self.peer.set_rule(ADDRESS)
        body = self.send(driver)
        self.assertEqual(
            [('reject', True), ('accept', False)],
            [(message['outcome'], message['id'] != body['message_id'])
             for message in self.peer.record('message')])

    def test_rejection_for_the_content_raises_rejected(self):
        driver = self.driver(self.peer.url())
        for condition in ('amqp:link:message-size-exceeded',
                          'amqp:invalid-field', 'amqp:precondition-failed',
                          'amqp:not-implemented'):
            self.peer.set_rule(ADDRESS, do='reject', condition=condition)
            self.assert_send_fails(errors.Rejected, driver, self.host, ADDRESS,
                                   condition)

    def test_rejection_without_a_reason_raises_not_delivered(self):
        self.peer.set_rule(ADDRESS, do='reject')
        driver = self.driver(self.peer.url())
        self.assert_send_fails(errors.NotDelivered, driver, self.host, ADDRESS,
                               'without a reason')
        self.assertEqual(1, len(self.peer.record('message')))
        self.peer.set_rule(ADDRESS)
        self.send(driver)

    def test_rejection_for_another_reason_raises_not_delivered(self):
        driver = self.driver(self.peer.url())
        for condition in ('amqp:unauthorized-access', 'amqp:not-allowed',
                          'amqp:not-found', 'acme:full'):
            self.peer.set_rule(ADDRESS, do='reject', condition=condition)
            self.assert_send_fails(
                errors.NotDelivered, driver, self.host, ADDRESS, condition)

    def test_rejection_for_the_queue_raises_not_delivered(self):
        driver = self.driver(self.peer.url())
        for reason in ('maxlen', 'unavailable'):
            self.peer.set_rule(
                ADDRESS, do='reject', condition='amqp:precondition-failed',
                info={'queue': 'audit', 'reason': reason})
            self.assert_send_fails(
                errors.NotDelivered, driver, self.host, ADDRESS)
        self.peer.set_rule(
            ADDRESS, do='reject', condition='amqp:precondition-failed',
            info={'queue': 'audit', 'reason': 'anything else'})
        self.assert_send_fails(errors.Rejected, driver, self.host, ADDRESS)

    def test_rejection_for_a_resource_limit_is_retried(self):
        self.peer.set_rule(ADDRESS, do='reject', times=1,
                           condition='amqp:resource-limit-exceeded')
        body = self.send(self.driver(self.peer.url()))
        self.assertEqual(
            [(body['message_id'], 'reject'), (body['message_id'], 'accept')],
            [(message['id'], message['outcome'])
             for message in self.peer.record('message')])

    def test_released_message_is_sent_again(self):
        self.peer.set_rule(ADDRESS, do='release', times=2)
        body = self.send(self.driver(self.peer.url()))
        self.assertEqual(
            [(body['message_id'], outcome)
             for outcome in ('release', 'release', 'accept')],
            [(message['id'], message['outcome'])
             for message in self.peer.record('message')])

    def test_modified_message_is_sent_again(self):
        self.peer.set_rule(ADDRESS, do='modify', failed=True, times=1)
        body = self.send(self.driver(self.peer.url()))
        self.assertEqual(
            [(body['message_id'], 'modify'), (body['message_id'], 'accept')],
            [(message['id'], message['outcome'])
             for message in self.peer.record('message')])

    def test_undeliverable_here_raises_rejected(self):
        self.peer.set_rule(ADDRESS, do='modify', undeliverable=True)
        self.assert_send_fails(
            errors.Rejected, self.driver(self.peer.url()), self.host, ADDRESS)
        self.assertEqual(1, len(self.peer.record('message')))

    def test_message_settled_without_outcome_is_sent_again(self):
        self.peer.set_rule(ADDRESS, do='settle', times=1)
        body = self.send(self.driver(self.peer.url()))
        self.assertEqual(
            [(body['message_id'], 'settle'), (body['message_id'], 'accept')],
            [(message['id'], message['outcome'])
             for message in self.peer.record('message')])

    def test_state_received_is_not_an_outcome(self):
        self.peer.set_rule(ADDRESS, do='release', times=1, received=True,
                           delay=0.05)
        body = self.send(self.driver(self.peer.url()))
        self.assertEqual(
            [(body['message_id'], 'release'), (body['message_id'], 'accept')],
            [(message['id'], message['outcome'])
             for message in self.peer.record('message')])

    def test_unknown_delivery_state_is_not_an_outcome(self):
        self.peer.set_rule(ADDRESS, unknown_state=True, delay=0.05)
        self.send(self.driver(self.peer.url()))
        self.assertEqual(1, len(self.peer.record('message')))

    def test_description_that_is_not_utf8_is_replaced(self):
        driver = self.driver(self.peer.url(), drain_timeout=0)
        for action in ('reject', 'detach', 'end', 'close'):
            self.peer.set_rule(
                ADDRESS, do=action, condition='amqp:not-allowed',
                description='no \udcff\udcfe text')
            self.assert_send_fails(errors.NotDelivered, driver, self.host,
                                   'cannot be read', retry=0)
        self.assertNotIn('Traceback', self.log_output())
        self.peer.set_rule(ADDRESS)
        self.send(driver)

    def test_accepted_message_may_remain_unsettled_by_the_server(self):
        self.peer.set_rule(ADDRESS, unsettled=True)
        driver = self.driver(self.peer.url(), max_in_flight=3)
        expected, sent = self.submit(driver, 20)
        for future in sent:
            future.result(qpid_case.TIMEOUT)
        self.assertEqual(expected, [
            message['id'] for message in self.peer.record('message')])

    def test_released_message_fails_after_delivery_timeout(self):
        self.peer.set_rule(ADDRESS, do='release')
        driver = self.driver(self.peer.url(), delivery_timeout=1)
        self.assert_send_fails(errors.NotDelivered, driver, self.host, ADDRESS)

    def test_unconfirmed_message_raises_not_delivered(self):
        self.peer.set_rule(ADDRESS, do='stall')
        driver = self.driver(self.peer.url(), delivery_timeout=1)
        self.assert_send_fails(errors.NotDelivered, driver, self.host, ADDRESS)
        self.peer.set_rule(ADDRESS)
        self.send(driver)

    def test_released_message_does_not_delay_others(self):
        driver = self.driver(self.peer.url())
        self.send(driver)
        body = qpid_case.make_body()
        self.peer.set_rule(ADDRESS, do='release', only=[body['message_id']])
        released = driver.submit({}, body, 'info')
        self.peer.wait_for(1, outcome='release')
        for _ in range(3):
            self.send(driver)
        self.assertFalse(released.done())
        self.peer.set_rule(ADDRESS)
        released.result(qpid_case.TIMEOUT)

    def test_unconfirmed_messages_do_not_use_up_max_in_flight(self):
        driver = self.driver(
            self.peer.url(), max_in_flight=2, delivery_timeout=2)
        self.peer.set_rule(ADDRESS, do='stall')
        _ids, sent = self.submit(driver, 2)
        for future in sent:
            self.assertIsInstance(future.exception(qpid_case.TIMEOUT),
                                  errors.NotDelivered)
        self.peer.set_rule(ADDRESS)
        self.send(driver)

    def test_unconfirmed_message_has_at_most_two_copies_in_flight(self):
        driver = self.driver(
            self.peer.url(), delivery_timeout=1, drain_timeout=0)
        self.peer.set_rule(ADDRESS, do='stall')
        body = qpid_case.make_body()
        for _ in range(4):
            self.assert_send_fails(errors.NotDelivered, driver, body=body)
        self.send(driver, priority='ERROR')
        sent = [message['id'] for message in
                self.peer.record('message', address=ADDRESS)]
        self.assertEqual([body['message_id']] * 2, sent)

    def test_late_confirmation_counts_for_the_next_attempt(self):
        driver = self.driver(
            self.peer.url(), delivery_timeout=1, drain_timeout=0)
        self.peer.set_rule(ADDRESS, do='stall')
        body = qpid_case.make_body()
        for _ in range(3):
            self.assert_send_fails(errors.NotDelivered, driver, body=body)
        self.peer.set_rule(ADDRESS, do='stall', now='accept')
        # On the same connection, which confirms the other messages as well.
        for _ in range(3):
            self.send(driver, priority='ERROR')
        self.send(driver, body)
        self.assertEqual(
            2, len(self.peer.record('message', address=ADDRESS)))


class NodeTest(Case):

    def test_missing_node_is_retried_until_created(self):
        self.peer.set_rule(ADDRESS, attach='refuse', times=2,
                           condition='amqp:not-found', description='no node')
        driver = self.driver(self.peer.url())
        self.send(driver)
        self.assertEqual(3, len(self.peer.record('link')))
        warning, = self.warnings()
        for text in (self.host, ADDRESS, 'amqp:not-found', 'no node'):
            self.assertIn(text, warning)

    def test_missing_node_is_named_in_the_error(self):
        self.peer.set_rule(
            ADDRESS, attach='refuse', condition='amqp:not-found')
        self.assert_send_fails(
            errors.NotDelivered, self.driver(self.peer.url()), self.host,
            ADDRESS, 'amqp:not-found', retry=1)

    def test_denied_node_is_logged_once_until_permitted(self):
        driver = self.driver(self.peer.url())
        for number, condition in enumerate((
                'amqp:unauthorized-access', 'amqp:not-allowed',
                'amqp:invalid-field', 'amqp:not-implemented')):
            for action in ('refuse', 'end'):
                self.peer.set_rule(ADDRESS, attach=action, condition=condition)
                self.assert_send_fails(
                    errors.NotDelivered, driver, self.host, ADDRESS, condition)
            warnings = self.warnings()
            self.assertEqual(number + 1, len(warnings))
            for text in (self.host, ADDRESS, condition):
                self.assertIn(text, warnings[-1])
        self.peer.set_rule(ADDRESS)
        self.send(driver)
        driver.close()
        self.assertIn(f'{ADDRESS} works again', self.log_output())

    def test_revoked_permission_raises_not_delivered(self):
        driver = self.driver(self.peer.url())
        self.send(driver)
        self.peer.set_rule(ADDRESS, do='end',
                           condition='amqp:unauthorized-access')
        self.assert_send_fails(errors.NotDelivered, driver, self.host, ADDRESS,
                               'amqp:unauthorized-access')
        self.peer.set_rule(ADDRESS)
        self.send(driver)

    def test_refused_node_does_not_delay_another_node(self):
        driver = self.driver(self.peer.url(), drain_timeout=0)
        for action in ('refuse', 'end', 'ignore'):
            self.peer.set_rule(
                ADDRESS, attach=action, condition='amqp:not-found')
            _ids, sent = self.submit(driver, 5)
            self.send(driver, priority='ERROR')
            self.assertEqual(
                [], [future for future in sent if future.done()])
        opened = self.peer.record('open')
        self.assertEqual(1, len(opened))

    def test_ending_without_a_reason_is_retried(self):
        for action in ('detach', 'suspend', 'end', 'close', 'drop'):
            driver = self.driver(self.peer.url())
            self.peer.set_rule(ADDRESS, do=action, times=1)
            self.send(driver)

    def test_detached_link_is_attached_again(self):
        driver = self.driver(self.peer.url())
        self.send(driver)
        self.peer.set_rule(ADDRESS, now='suspend',
                           condition='amqp:link:detach-forced')
        self.peer.wait_for(1, 'detached')
        self.send(driver)
        self.assertEqual(2, len(self.peer.record('link')))
        self.assertEqual(1, len(self.peer.record('open')))

    def test_ignored_attach_fails_after_delivery_timeout(self):
        self.peer.set_rule(ADDRESS, attach='ignore')
        driver = self.driver(self.peer.url(), delivery_timeout=1)
        self.assert_send_fails(errors.NotDelivered, driver, self.host, ADDRESS)


class SizeTest(Case):

    def test_message_over_max_message_size_is_rejected_unsent(self):
        self.peer.set_rule(ADDRESS, max_message_size=3000)
        driver = self.driver(self.peer.url())
        large = qpid_case.make_body(payload={'x': qpid_case.PAYLOAD * 1000})
        before, sent_before = self.submit(driver, 3)
        rejected = driver.submit({}, large, 'info')
        after, sent_after = self.submit(driver, 3)
        error = rejected.exception(qpid_case.TIMEOUT)
        self.assertIsInstance(error, errors.Rejected)
        for text in (self.host, ADDRESS, '3000'):
            self.assertIn(text, str(error))
        for future in sent_before + sent_after:
            future.result(qpid_case.TIMEOUT)
        self.assertEqual(
            before + after, qpid_case.unique_ids(self.peer.record('message')))

    def test_message_size_exceeded_ends_the_link_only_once(self):
        driver = self.driver(self.peer.url())
        small, large = qpid_case.make_body(), qpid_case.make_body(
            payload={'x': qpid_case.PAYLOAD * 1000})
        self.peer.set_rule(ADDRESS, do='detach', only=[large['message_id']],
                           condition='amqp:link:message-size-exceeded')
        rejected = driver.submit({}, large, 'info')
        sent = driver.submit({}, small, 'info')
        self.assertIsInstance(
            rejected.exception(qpid_case.TIMEOUT), errors.Rejected)
        sent.result(qpid_case.TIMEOUT)

    def test_payload_invalid_in_json_is_rejected_unsent(self):
        driver = self.driver(self.peer.url())
        loop = {'secret': qpid_case.PAYLOAD}
        loop['loop'] = loop
        for payload in (loop, {'x': float('nan')}):
            body = {**qpid_case.make_body(), 'payload': payload}
            self.assert_send_fails(errors.Rejected, driver, 'JSON', body=body)
        self.send(driver)
        self.assertEqual(1, len(self.peer.record('message')))


class FrameTest(qpid_case.QpidCase):

    def test_large_messages_are_split_into_small_frames(self):
        peer = servers.require(
            lambda: qpid_peer.Peer(max_frame_size=512))
        self.addCleanup(peer.stop)
        driver = self.driver(peer.url())
        bodies = [qpid_case.make_body(payload={'x': 'x' * 100_000})
                  for _ in range(5)]
        for future in [driver.submit({}, body, 'info') for body in bodies]:
            future.result(qpid_case.TIMEOUT)
        self.assertEqual([body['message_id'] for body in bodies],
                         qpid_case.unique_ids(peer.record('message')))


class FlowTest(Case):

    def test_messages_with_one_credit_arrive_in_order(self):
        self.peer.set_rule(ADDRESS, credit=1)
        expected, sent = self.submit(self.driver(self.peer.url()), 50)
        for future in sent:
            future.result(qpid_case.TIMEOUT)
        self.assertEqual(expected, [
            message['id'] for message in self.peer.record('message')])

    def test_messages_wait_for_credit(self):
        self.peer.set_rule(ADDRESS, credit=0)
        driver = self.driver(self.peer.url())
        _ids, sent = self.submit(driver, 5)
        self.peer.wait_for(1, 'link', address=ADDRESS)
        self.send(driver, priority='ERROR')
        self.assertEqual([ERROR_ADDRESS], [
            message['address'] for message in self.peer.record('message')])
        self.peer.set_rule(ADDRESS, credit=3)
        for future in sent:
            future.result(qpid_case.TIMEOUT)

    def test_message_without_credit_fails_after_delivery_timeout(self):
        self.peer.set_rule(ADDRESS, credit=0)
        driver = self.driver(self.peer.url(), delivery_timeout=1)
        self.assert_send_fails(errors.NotDelivered, driver, self.host, ADDRESS)
        self.peer.set_rule(ADDRESS)
        body = self.send(driver)
        # Messages after their deadline aren't sent any more.
        self.assertEqual([body['message_id']],
                         qpid_case.unique_ids(self.peer.record('message')))

    def test_drained_credit_is_returned(self):
        driver = self.driver(self.peer.url())
        self.send(driver)
        self.peer.set_rule(ADDRESS, drain=True)
        self.peer.wait_for(1, 'drained')
        expected, sent = self.submit(driver, 20)
        for future in sent:
            future.result(qpid_case.TIMEOUT)

    def test_drained_credit_over_max_in_flight_is_returned(self):
        self.peer.set_rule(ADDRESS, do='stall')
        driver = self.driver(self.peer.url(), max_in_flight=3, drain_timeout=0)
        self.submit(driver, 5)
        self.peer.wait_for(3)
        self.peer.set_rule(ADDRESS, do='stall', drain=True)
        self.peer.wait_for(1, 'drained')

    def test_server_with_one_channel_receives_all_messages(self):
        peer = servers.require(lambda: qpid_peer.Peer(channel_max=0))
        self.addCleanup(peer.stop)
        driver = self.driver(peer.url())
        for action in ('accept', 'detach', 'end', 'suspend'):
            peer.set_rule(ERROR_ADDRESS, do=action, times=1)
            sent = [self.submit(driver, 20, priority)[1]
                    for priority in ('INFO', 'ERROR', 'WARN')]
            for future in sum(sent, []):
                future.result(qpid_case.TIMEOUT)
        self.assertEqual(1, len(peer.record('open')))

    def test_many_messages_are_in_flight(self):
        self.peer.set_rule(ADDRESS, do='stall')
        driver = self.driver(self.peer.url(), drain_timeout=0)
        self.submit(driver, 100)
        self.peer.wait_for(100)

    def test_messages_in_flight_are_limited_by_max_in_flight(self):
        self.peer.set_rule(ADDRESS, do='stall')
        driver = self.driver(
            self.peer.url(), max_in_flight=10, drain_timeout=0)
        self.submit(driver, 30)
        self.peer.wait_for(10)
        self.send(driver, priority='ERROR')
        self.assertEqual(
            10, len(self.peer.record('message', address=ADDRESS)))

    def test_max_pending_limits_the_queue(self):
        self.peer.set_rule(ADDRESS, credit=0)
        driver = self.driver(
            self.peer.url(), max_pending=20, drain_timeout=0)
        _ids, sent = self.submit(driver, 21)
        self.assert_send_fails(errors.NotDelivered, driver)
        error = sent[20].exception(qpid_case.TIMEOUT)
        self.assertIs(errors.NotDelivered, type(error))
        self.peer.set_rule(ADDRESS)
        for future in sent[:20]:
            future.result(qpid_case.TIMEOUT)
