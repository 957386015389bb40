-- KEYS: sources that match one side, those that match both. ARGV: now, how many of each at most. Returns of each
-- kind fingerprint, when it ends, fingerprint …, those that last longest.
local kinds = {}
for i = 1, 2 do
  kinds[i] = redis.call('ZREVRANGEBYSCORE', KEYS[i], '+inf', '(' .. ARGV[1], 'WITHSCORES', 'LIMIT', 0, ARGV[2])
end
return kinds
