# SPDX-License-Identifier: Apache-2.0
"""Script that alembic runs, with a connection of usermsg.db.migration."""

from alembic import context

from usermsg.db import models

context.configure(connection=context.config.attributes['connection'],
                  target_metadata=models.metadata,
                  transaction_per_migration=True)
with context.begin_transaction():
    context.run_migrations()
