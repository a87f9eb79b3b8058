# SPDX-License-Identifier: Apache-2.0
"""Configuration of Sphinx for the release notes."""

extensions = ['openstackdocstheme', 'reno.sphinxext']

project = 'usermsg release notes'
copyright = 'usermsg developers'  # noqa: A001
root_doc = 'index'
html_theme = 'openstackdocs'
openstackdocs_auto_name = False
openstackdocs_auto_version = False
html_theme_options = {'show_other_versions': False}
pygments_style = 'native'
