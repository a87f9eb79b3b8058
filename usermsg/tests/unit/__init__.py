# SPDX-License-Identifier: Apache-2.0
"""Tests without a server: what stands below HTTP."""

import hypothesis

# The time an example takes says nothing on a busy machine, and neither chance
# nor what failed before must decide what is tried today.
hypothesis.settings.register_profile(
    'usermsg', deadline=None, database=None, derandomize=True,
    max_examples=40, suppress_health_check=list(hypothesis.HealthCheck))
hypothesis.settings.load_profile('usermsg')
