# SPDX-License-Identifier: Apache-2.0
import testtools

from usermsg import context
from usermsg.notifications import encoding


SECRET = 'hunter2'


class TestContext(testtools.TestCase):

    def test_no_token_goes_out(self):
        known = {'project_id': 'red', 'auth_token': SECRET,
                 'service_token': SECRET}
        for ctxt in (known, context.RequestContext(**known)):
            found = encoding.context(ctxt)
            self.assertEqual('red', found['project_id'])
            self.assertNotIn(SECRET, str(found))

    def test_nothing_is_known_of_none(self):
        self.assertEqual({}, encoding.context(None))
