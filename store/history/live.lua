-- Lists the fingerprints of accounts that end after a time.
-- KEYS: ends of accounts. ARGV: the time in µs, how many to leave out, how many to list.
return redis.call('ZRANGEBYSCORE', KEYS[1], '(' .. ARGV[1], '+inf', 'LIMIT', ARGV[2], ARGV[3])
