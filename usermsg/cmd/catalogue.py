# SPDX-License-Identifier: Apache-2.0
"""Commands ``usermsg-manage catalogue``."""

from cliff import lister

from usermsg.catalogue import catalogue
from usermsg.catalogue import language
from usermsg.catalogue import loader
from usermsg.cmd import db as db_command
from usermsg import exception


class List(lister.Lister):
    """List the entries of the catalogue: the messages permitted for users."""

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        parser.add_argument('--prefix', metavar='PREFIX', type=str.upper,
                            help='only entries with this namespace prefix, '
                                 'e.g. VOLUME')
        parser.add_argument('--language', metavar='TAG',
                            default=catalogue.ENGLISH,
                            help='language of the texts, e.g. de or '
                                 'de_DE.UTF-8 (default: en)')
        return parser

    def take_action(self, parsed_args):
        loaded = loader.load(self.app.conf.catalogue.overlay_dir)
        chosen = language.choose(parsed_args.language, loaded.languages, '')
        for value, is_valid, allowed, option in (
                (parsed_args.prefix,
                 parsed_args.prefix in {None, *loaded.namespaces},
                 loaded.namespaces, '--prefix'),
                (parsed_args.language, chosen, loaded.languages,
                 '--language')):
            if not is_valid:
                raise exception.InvalidInput(
                    option, f'must be one of {", ".join(sorted(allowed))}, '
                            f'not {value}.')
        return (('Prefix', 'Kind', 'Id', 'Constant', 'Text', 'Remedy'),
                loaded.texts(chosen, parsed_args.prefix))


class Validate(db_command.Command):
    """Validate the catalogue with its plug-ins and an overlay.

    Prints the file, the line and the reason if the catalogue is invalid; the
    service would not start with it.
    """

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        parser.add_argument(
            'directory', nargs='?',
            help='directory of the overlay (default: [catalogue] '
                 'overlay_dir)')
        return parser

    def take_action(self, parsed_args):
        directory = parsed_args.directory
        if directory is None:
            directory = self.app.conf.catalogue.overlay_dir
        loaded = loader.load(directory)
        count = sum(1 for _entry in loaded.texts())
        self.say(
            f'The catalogue is valid: {count} entries with the prefixes '
            f'{", ".join(sorted(loaded.namespaces))}; languages '
            f'{", ".join(loaded.languages)}'
            f'{f"; overlay {directory}" if directory else ""}.')
