# SPDX-License-Identifier: Apache-2.0
"""Request context that can evaluate policy rules."""

from oslo_context import context

from usermsg import exception


class RequestContext(context.RequestContext):
    """Context of oslo.context with a policy.

    ``RequestContext()`` without arguments is sufficient to record messages
    through the library. The HTTP service passes the policy of its runtime.

    :param policy: a :class:`usermsg.policy.Policy`; with None every rule is
        denied
    """

    def __init__(self, *args, policy=None, **kwargs):
        super().__init__(*args, **kwargs)
        self._policy = policy

    def can(self, rule, project_id=None):
        """Return True if the policy permits a rule.

        :param project_id: id of the project that owns the resource; by
            default the context's project
        """
        if self._policy is None:
            return False
        return self._policy.allows(self, rule, project_id or self.project_id)

    def authorize(self, rule, project_id=None):
        """:raises usermsg.exception.Forbidden: the policy denies the rule"""
        if not self.can(rule, project_id):
            raise exception.Forbidden(rule)
