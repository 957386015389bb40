-- KEYS: the due set. Returns what can be claimed first and when, or nothing.
return redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', '+inf', 'WITHSCORES', 'LIMIT', 0, 1)
