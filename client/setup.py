# SPDX-License-Identifier: Apache-2.0
"""Setup script that lets pbr read setup.cfg."""

import setuptools

setuptools.setup(setup_requires=['pbr>=6.1.1'], pbr=True)
