-- Keeps a document, unless there is a later one with its key, and forgets the oldest beyond the limit.
-- KEYS: the documents, their times, the account {version, count}. ARGV: key, at in µs, body, limit.
local key, at, limit = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[4])
local was = redis.call('ZSCORE', KEYS[2], key)
if was and tonumber(was) > at then return 0 end
redis.call('HSET', KEYS[1], key, ARGV[2] .. ' ' .. ARGV[3])
redis.call('ZADD', KEYS[2], ARGV[2], key)
local account = redis.call('HMGET', KEYS[3], 'version', 'count')
local version, count = tonumber(account[1]) or 0, tonumber(account[2]) or 0
if not was then count = count + 1 end
if count > limit then
  for _, oldest in ipairs(redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', '+inf', 'LIMIT', 0, count - limit)) do
    redis.call('HDEL', KEYS[1], oldest)
    count = count - redis.call('ZREM', KEYS[2], oldest)
  end
end
redis.call('HSET', KEYS[3], 'version', version + 1, 'count', count)
return 1
