# SPDX-License-Identifier: Apache-2.0
import threading

from usermsg.outbox import delivery
from usermsg.tests import base
from usermsg.tests.fixtures import drivers


class TestDelivery(base.TestCase):

    def test_one_that_takes_long_to_take_them_gets_no_more(self):
        class Narrow(drivers.Window):
            def submit(self, ctxt, msg, priority):
                # For longer than a batch may take.
                threading.Event().wait(0.1)
                return super().submit(ctxt, msg, priority)

        driver = Narrow()
        self.addCleanup(driver.close)
        bodies = {f'{number}': {'message_id': f'{number}', 'priority': 'INFO',
                                'payload': number} for number in range(3)}
        sent = delivery.Delivery(driver, 0.05).send(bodies, threading.Event())
        self.assertEqual(['0'], list(sent))
