# SPDX-License-Identifier: Apache-2.0
"""Setup script that compiles the translations and lets pbr read setup.cfg.

Django reads only compiled catalogues, which the repository does not contain.
They are written beside their sources, so that an editable installation finds
them as well.
"""

import pathlib

from babel.messages import mofile
from babel.messages import pofile
import setuptools

_LOCALE = pathlib.Path(__file__).parent / 'usermsg_dashboard' / 'locale'


def compile_translations():
    for source in _LOCALE.glob('*/LC_MESSAGES/*.po'):
        with open(source, 'rb') as opened:
            catalogue = pofile.read_po(opened, source.parts[-3])
        with open(source.with_suffix('.mo'), 'wb') as opened:
            mofile.write_mo(opened, catalogue)


compile_translations()
setuptools.setup(
    setup_requires=['pbr>=6.1.1'], pbr=True,
    # pbr would add only files that git has, and those that were there at the
    # first editable installation.
    package_data={'usermsg_dashboard': [
        'conf/**', 'local_settings.d/*', 'locale/**', 'static/**',
        'templates/**']})
