# SPDX-License-Identifier: Apache-2.0
from usermsg.api.middleware import token_cache
from usermsg.tests import base


class TestTokenCache(base.TestCase):

    def test_what_was_set_is_found(self):
        cache = token_cache.TokenCache(300)
        cache.set('token', {'token': {'user': 'a'}})
        self.assertEqual({'token': {'user': 'a'}}, cache.get('token'))
        self.assertIsNone(cache.get('other'))

    def test_what_is_found_can_be_changed(self):
        cache = token_cache.TokenCache(300)
        cache.set('token', {'token': {'user': 'a'}})
        cache.get('token')['token']['user'] = 'b'
        self.assertEqual({'token': {'user': 'a'}}, cache.get('token'))

    def test_without_time_nothing_is_kept(self):
        for seconds in (0, -1):
            cache = token_cache.TokenCache(seconds)
            cache.set('token', {'token': {}})
            self.assertIsNone(cache.get('token'))

    def test_it_has_an_end(self):
        cache = token_cache.TokenCache(300)
        last = token_cache._CACHED_TOKENS + 10
        for number in range(last + 1):
            cache.set(str(number), {})
        self.assertEqual(token_cache._CACHED_TOKENS, len(cache._tokens))
        self.assertIsNone(cache.get('0'))
        self.assertEqual({}, cache.get(str(last)))

    def test_large_tokens_take_the_room_of_many(self):
        cache = token_cache.TokenCache(300)
        large = 'x' * (token_cache._CACHE_SIZE // 20)
        for number in range(20):
            cache.set(str(number), {'token': large})
        self.assertEqual(9, len(cache._tokens))
        self.assertEqual({'token': large}, cache.get('19'))
        # One for which there would be no room at all.
        cache.set('20', {'token': large * 10})
        self.assertIsNone(cache.get('20'))
        self.assertEqual(9, len(cache._tokens))
