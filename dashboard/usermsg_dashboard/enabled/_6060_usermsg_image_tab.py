# SPDX-License-Identifier: Apache-2.0
"""Tab Messages on the page of an image, which Horizon's scripts build."""

FEATURE = 'usermsg_image_tab'
ADD_ANGULAR_MODULES = ['usermsg.image-messages']
