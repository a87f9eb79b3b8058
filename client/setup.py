# SPDX-License-Identifier: Apache-2.0
"""What pbr needs to read setup.cfg."""

import setuptools

setuptools.setup(setup_requires=['pbr>=6.1.1'], pbr=True)
