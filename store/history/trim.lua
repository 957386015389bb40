-- Forgets some of what is too old in one shard.
-- KEYS: ends of accounts, occurrences, when subjects were touched, their bytes, sums of bytes.
-- ARGV: the time in µs before which all is too old, how many of each at most, prefix of accounts, prefix of steps.
-- Returns how many.
local function old(key) return redis.call('ZRANGEBYSCORE', key, '-inf', '(' .. ARGV[1], 'LIMIT', 0, ARGV[2]) end
local sums = redis.call('HMGET', KEYS[5], 'accounts', 'occurrences', 'steps')
local accounts, occurrences, steps = tonumber(sums[1]) or 0, tonumber(sums[2]) or 0, tonumber(sums[3]) or 0
local removed = 0
for _, fp in ipairs(old(KEYS[1])) do
  accounts = accounts - (tonumber(redis.call('HGET', ARGV[3] .. fp, 'n')) or 0)
  redis.call('DEL', ARGV[3] .. fp)
  removed = removed + redis.call('ZREM', KEYS[1], fp)
end
for _, member in ipairs(old(KEYS[2])) do
  occurrences = occurrences - #member - 100
  removed = removed + redis.call('ZREM', KEYS[2], member)
end
for _, subject in ipairs(old(KEYS[3])) do
  steps = steps - (tonumber(redis.call('HGET', KEYS[4], subject)) or 0)
  redis.call('DEL', ARGV[4] .. subject)
  redis.call('HDEL', KEYS[4], subject)
  removed = removed + redis.call('ZREM', KEYS[3], subject)
end
if removed > 0 then redis.call('HSET', KEYS[5], 'accounts', accounts, 'occurrences', occurrences, 'steps', steps) end
return removed
