# SPDX-License-Identifier: Apache-2.0
"""A real Cinder: its API, with SQLite, under uWSGI."""

from usermsg.tests.functional import peer

_RECORDER = '''
import datetime, json, sys
from oslo_config import cfg
from cinder import context, objects
from cinder.db import api as db
from cinder.db import models
from cinder.message import api, message_field
objects.register_all()
cfg.CONF(['--config-file', sys.argv[1]], project='cinder')
actions = {action[0]: action for action in message_field.Action.ALL}
details = {detail[0]: detail for detail in message_field.Detail.ALL}
for line in sys.stdin:
    for entry in json.loads(line):
        asking = context.RequestContext(
            user_id='somebody', project_id=entry['project_id'],
            request_id=entry['request_id'])
        api.API().create(
            asking, actions[entry['action']], entry['resource_type'],
            entry['resource_uuid'], detail=details[entry['detail']],
            level=entry['level'])
        # The same id and the same time as in the service it is compared to.
        with db.main_context_manager.writer.using(asking):
            row = asking.session.query(models.Message).filter_by(
                request_id=entry['request_id']).one()
            made = datetime.datetime.fromisoformat(entry['created_at'])
            row.id = entry['id']
            row.created_at = made
            row.expires_at = made + datetime.timedelta(
                seconds=cfg.CONF.message_ttl)
    print('done', flush=True)
'''


class Cinder(peer.Peer):

    name = 'cinder'
    module = 'cinder.wsgi.api:application'
    event = 'VOLUME_VOLUME_001_003'
    options = {
        'DEFAULT': {
            'resource_query_filters_file':
                '{environment}/etc/cinder/resource_filters.json'},
        'coordination': {'backend_url': 'file://{directory}/locks'},
        'oslo_concurrency': {'lock_path': '{directory}'}}
    recorder = _RECORDER
