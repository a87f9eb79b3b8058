# SPDX-License-Identifier: Apache-2.0
"""Configuration of Sphinx for the documentation."""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent / '_ext'))

extensions = [
    'openstackdocstheme',
    'oslo_config.sphinxext',
    'oslo_policy.sphinxext',
    'sphinx.ext.autodoc',
    'usermsg_api',
]

project = 'usermsg'
copyright = 'usermsg developers'  # noqa: A001
root_doc = 'index'
exclude_patterns = []
html_theme = 'openstackdocs'
# There is no published repository to link to yet.
openstackdocs_auto_name = False
openstackdocs_auto_version = False
openstackdocs_use_storyboard = False
html_theme_options = {'show_other_versions': False}
pygments_style = 'native'
