# SPDX-License-Identifier: Apache-2.0
import testtools

from usermsg.catalogue.catalogues import volume
from usermsg.catalogue import loader
from usermsg import exception
from usermsg.message import defined_messages


class DefinedMessagesTest(testtools.TestCase):

    def test_event_ids_are_those_of_the_volume_catalogue(self):
        event_ids = {name: value for name, value in
                     vars(defined_messages.EventIds).items()
                     if name.isupper()}
        self.assertEqual({entry.constant: entry.id for entry in
                          volume.NAMESPACE.events.values()}, event_ids)

    def test_text_of_whole_event(self):
        for event_id in ('VOLUME_000002', '000002'):
            self.assertEqual(
                'No storage could be allocated for this volume request.',
                defined_messages.get_message_text(event_id))

    def test_text_of_composed_event(self):
        self.assertEqual(
            f'{volume.Actions.ATTACH_VOLUME.text}: '
            f'{volume.Details.ATTACH_ERROR.text}',
            defined_messages.get_message_text('VOLUME_VOLUME_002_021'))

    def test_unknown_event_id_raises_not_permitted(self):
        for event_id in ('VOLUME_999999', '', None, 'VOLUME_VOLUME_002_999'):
            error = self.assertRaises(exception.NotPermitted,
                                      defined_messages.get_message_text,
                                      event_id)
            self.assertEqual('event_id', error.field)

    def test_built_in_catalogue_is_cached(self):
        self.assertIs(loader.built_in(), loader.built_in())
