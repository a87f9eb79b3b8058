# SPDX-License-Identifier: Apache-2.0
"""A real Manila: its API, with SQLite, under uWSGI."""

from usermsg.tests.functional import peer

#: Manila's migrations open a second connection to a database that the first
#: one holds, which SQLite refuses.
_TABLES = '''
import sys
import sqlalchemy
from manila.db.sqlalchemy import models
models.BASE.metadata.create_all(sqlalchemy.create_engine(sys.argv[1]))
'''

_RECORDER = '''
import datetime, json, sys
from oslo_config import cfg
from manila.common import config
from manila import context
from manila.db.sqlalchemy import api as db
from manila.db.sqlalchemy import models
from manila.message import api, message_field
cfg.CONF(['--config-file', sys.argv[1]], project='manila')
actions = {action[0]: action for action in message_field.Action.ALL}
details = {detail[0]: detail for detail in message_field.Detail.ALL}
for line in sys.stdin:
    for entry in json.loads(line):
        asking = context.RequestContext(
            user_id='somebody', project_id=entry['project_id'],
            request_id=entry['request_id'])
        api.API().create(
            asking, actions[entry['action']], entry['project_id'],
            entry['resource_type'], entry['resource_uuid'],
            detail=details[entry['detail']], level=entry['level'])
        # The same id and the same time as in the service it is compared to.
        with db.context_manager.writer.using(asking):
            row = asking.session.query(models.Message).filter_by(
                request_id=entry['request_id']).one()
            made = datetime.datetime.fromisoformat(entry['created_at'])
            row.id = entry['id']
            row.created_at = made
            row.expires_at = made + datetime.timedelta(
                seconds=cfg.CONF.message_ttl)
    print('done', flush=True)
'''


class Manila(peer.Peer):

    name = 'manila'
    module = 'manila.wsgi.api:application'
    event = 'SHARE_SHARE_001_003'
    options = {
        'coordination': {'backend_url': 'file://{directory}/locks'},
        'oslo_concurrency': {'lock_path': '{directory}'}}
    recorder = _RECORDER

    def _make_tables(self):
        self.run([self._environment.program('python'), '-c', _TABLES,
                  f'sqlite:///{self.path("db.sqlite")}'])
