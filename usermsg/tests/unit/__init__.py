# SPDX-License-Identifier: Apache-2.0
"""Unit tests, which run without servers."""

import hypothesis

# No deadline, because the duration of an example is meaningless on a busy
# machine. Derandomised and without a database, because neither chance nor
# earlier failures may decide which examples run.
hypothesis.settings.register_profile(
    'usermsg', deadline=None, database=None, derandomize=True,
    max_examples=40, suppress_health_check=list(hypothesis.HealthCheck))
hypothesis.settings.load_profile('usermsg')
