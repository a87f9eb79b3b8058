# Licensed under the Apache License, Version 2.0 (the "License"); you may
# not use this file except in compliance with the License. You may obtain
# a copy of the License at
#
#      http://www.apache.org/licenses/LICENSE-2.0
#
# Unless required by applicable law or agreed to in writing, software
# distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the
# License for the specific language governing permissions and limitations
# under the License.
"""What others say, in a form that a log, a table or a terminal can hold."""


def line(text, longest):
    """A text in one line; what can't be printed is a blank."""
    return ''.join(letter if letter.isprintable() else ' '
                   for letter in text[:longest])


def short(value):
    """A value of any kind and any characters, in a few of ASCII."""
    return ascii(value)[:80].strip("'")
