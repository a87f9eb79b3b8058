# SPDX-License-Identifier: Apache-2.0
from usermsg.api.middleware import token_cache
from usermsg.tests import base


class TestTokenCache(base.TestCase):

    def test_get_returns_stored_token(self):
        cache = token_cache.TokenCache(300)
        cache.set('token', {'token': {'user': 'a'}})
        self.assertEqual({'token': {'user': 'a'}}, cache.get('token'))
        self.assertIsNone(cache.get('other'))

    def test_change_of_returned_token_does_not_change_cache(self):
        cache = token_cache.TokenCache(300)
        cache.set('token', {'token': {'user': 'a'}})
        cache.get('token')['token']['user'] = 'b'
        self.assertEqual({'token': {'user': 'a'}}, cache.get('token'))

    def test_cache_without_time_to_live_is_disabled(self):
        for seconds in (0, -1):
            cache = token_cache.TokenCache(seconds)
            cache.set('token', {'token': {}})
            self.assertIsNone(cache.get('token'))

    def test_cache_evicts_oldest_tokens_beyond_limit(self):
        cache = token_cache.TokenCache(300)
        last = token_cache._CACHED_TOKENS + 10
        for number in range(last + 1):
            cache.set(str(number), {})
        self.assertEqual(token_cache._CACHED_TOKENS, len(cache._tokens))
        self.assertIsNone(cache.get('0'))
        self.assertEqual({}, cache.get(str(last)))

    def test_large_tokens_count_by_size(self):
        cache = token_cache.TokenCache(300)
        large = 'x' * (token_cache._CACHE_SIZE // 20)
        for number in range(20):
            cache.set(str(number), {'token': large})
        self.assertEqual(9, len(cache._tokens))
        self.assertEqual({'token': large}, cache.get('19'))
        # A token larger than the whole cache.
        cache.set('20', {'token': large * 10})
        self.assertIsNone(cache.get('20'))
        self.assertEqual(9, len(cache._tokens))
