# SPDX-License-Identifier: Apache-2.0
import testtools

from usermsg import context
from usermsg.notifications import encoding


SECRET = 'hunter2'


class TestRedactContext(testtools.TestCase):

    def test_redact_context_removes_tokens(self):
        attributes = {'project_id': 'red', 'auth_token': SECRET,
                      'service_token': SECRET}
        for ctxt in (attributes, context.RequestContext(**attributes)):
            redacted = encoding.redact_context(ctxt)
            self.assertEqual('red', redacted['project_id'])
            self.assertNotIn(SECRET, str(redacted))

    def test_redact_context_of_none_is_empty(self):
        self.assertEqual({}, encoding.redact_context(None))
