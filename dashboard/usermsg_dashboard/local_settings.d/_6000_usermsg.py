# SPDX-License-Identifier: Apache-2.0
"""Policy rules, without which a reader would see buttons that fail.

Horizon executes this file with the names of its settings. To override rules,
write them to another file and set POLICY_FILES to its path afterwards.
"""

import pathlib

import usermsg_dashboard

_CONF = pathlib.Path(usermsg_dashboard.__file__).parent / 'conf'

POLICY_FILES['user-message'] = str(  # noqa: F821
    _CONF / 'user_message_policy.yaml')
DEFAULT_POLICY_FILES['user-message'] = str(  # noqa: F821
    _CONF / 'default_policies' / 'user_message.yaml')
