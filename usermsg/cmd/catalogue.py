# SPDX-License-Identifier: Apache-2.0
"""``usermsg-manage catalogue``"""

from cliff import lister

from usermsg.catalogue import catalogue
from usermsg.catalogue import loader
from usermsg.cmd import db as db_command
from usermsg import exception


class List(lister.Lister):
    """List what may be said to users: the entries of the catalogue."""

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        parser.add_argument('--prefix', metavar='PREFIX', type=str.upper,
                            help='only entries of this prefix, e.g. VOLUME')
        parser.add_argument('--language', metavar='TAG',
                            default=catalogue.ENGLISH,
                            help='of the texts, e.g. de (default: en)')
        return parser

    def take_action(self, parsed_args):
        known = loader.load(self.app.conf.catalogue.overlay_dir)
        for given, allowed, name in (
                (parsed_args.prefix, known.namespaces, '--prefix'),
                (parsed_args.language, known.languages, '--language')):
            if given is not None and given not in allowed:
                raise exception.InvalidInput(
                    name, f'there is no {given}; there are '
                          f'{", ".join(sorted(allowed))}.')
        return (('Prefix', 'Kind', 'Id', 'Constant', 'Text', 'Remedy'),
                known.texts(parsed_args.language, parsed_args.prefix))


class Validate(db_command.Command):
    """Check the catalogue with its plug-ins and an overlay.

    Says which file, which line and why if it can't be used; the service
    would not start with it.
    """

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        parser.add_argument(
            'directory', nargs='?',
            help='of an overlay; [catalogue] overlay_dir if left out')
        return parser

    def take_action(self, parsed_args):
        directory = parsed_args.directory
        if directory is None:
            directory = self.app.conf.catalogue.overlay_dir
        known = loader.load(directory)
        entries = sum(1 for _entry in known.texts())
        self.say(
            f'The catalogue is valid: {entries} entries under '
            f'{", ".join(sorted(known.namespaces))}; languages '
            f'{", ".join(known.languages)}'
            f'{f"; overlay {directory}" if directory else ""}.')
