# SPDX-License-Identifier: Apache-2.0
from usermsg.importer import report as reports
from usermsg.tests import base


class TestReport(base.TestCase):

    def test_empty_report_has_one_line(self):
        self.assertEqual(['0 messages have been imported.'],
                         list(reports.Report().lines()))

    def test_report_has_a_line_per_counter(self):
        report = reports.Report()
        report.numbers.update(new=1234, imported_before=21, merged=3,
                              deleted_here=4, deleted_there=5, deleted=7,
                              expired=8)
        for number in range(6):
            report.add_unknown(f'VOLUME_99999{number}')
        for number in range(7):
            report.skip(f'{number}', 'event_id: is odd.')
        report.skip('a\n\u00fc' + 'x' * 100, 'id: is long.')
        self.assertEqual([
            '1,234 messages have been imported.',
            '21 messages were imported before.',
            '3 messages have been merged with those that notifications of '
            'the same failures caused.',
            '4 messages were imported before, and deleted here since.',
            '5 messages have been deleted here, because their rows have been '
            'deleted.',
            '7 rows were ignored, because they are deleted.',
            '8 rows were ignored, because they have expired.',
            '6 messages have an event that is not in the catalogue, and are '
            'shown with a general text: VOLUME_999990, VOLUME_999991, '
            'VOLUME_999992, VOLUME_999993, VOLUME_999994, ...',
            '8 rows were skipped:',
            '  7: event_id: is odd. Ids: 0, 1, 2, 3, 4, ...',
            '  1: id: is long. Ids: a\\n\\xfc' + 'x' * 53 + '...'],
            list(report.lines()))
        lines = list(report.lines(dry_run=True))
        self.assertEqual('1,234 messages would be imported.', lines[0])
        self.assertEqual('5 messages would be deleted here, because their '
                         'rows have been deleted.', lines[4])
