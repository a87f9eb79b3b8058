# SPDX-License-Identifier: Apache-2.0
"""Supported revisions of the source databases.

Revisions as the services' migrations name them, the oldest first: from the
one that added the table to the newest that an import was tested with. All of
them have the same columns of the table. A later revision is refused by
default, because its columns may have another meaning.
"""

#: Revisions of cinder, up to 29.0.
VOLUME = (
    '921e1a36b076', 'c92a3e68beed', 'daa98075b90d', '89aa6f9639f9',
    'b8660621f1b9', '9ab1b092a404', 'b7b88f50aab5', '9c74c1c6971f')

#: Revisions of manila, up to 23.0.
SHARE = (
    '238720805ce1', 'b516de97bfee', '829a09b0ddd4', '27cb96d991fa',
    '4a482571410f', '0274d20c560f', '097fad24d2fc', '11ee96se625f3',
    '6a3fd2984bc31', '805685098bd2', 'e6d88547b381', '5aa813ae673d',
    '0c23aec99b74', '478c445d8d3e', 'fbdfabcba377', '1946cb97bb8d',
    'a87e0fb17dee', 'bb5938d74b73', 'c476aeb186ec', '1e2d600bf972',
    'ac0620cbe74d', 'aebe2a413e13', '9afbe2df4945', 'cb20f743ca7b',
    '2d708a9a3ba9', '99d328f0a3d2', '6e32091979e0', '2f27d904214c',
    'cdefa6287df8', '0d8c8f6d54a4', 'e975ea83b712', 'eead2cb81845',
    '004e506e922e', 'afc3b5e1f406')
