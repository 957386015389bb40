-- Keeps steps about one subject, its latest only, and forgets the subjects that were touched the longest ago beyond
-- the bound.
-- KEYS: the subject's steps, when subjects were touched, their bytes, sums of bytes.
-- ARGV: subject, now in µs, how long to keep in ms, most steps of a subject, most bytes, prefix of steps, the steps.
local size = tonumber(redis.call('HGET', KEYS[3], ARGV[1])) or 0
local sum = (tonumber(redis.call('HGET', KEYS[4], 'steps')) or 0) - size
for i = 7, #ARGV do
  redis.call('RPUSH', KEYS[1], ARGV[i])
  size = size + #ARGV[i] + 20
end
local most = tonumber(ARGV[4])
for _, old in ipairs(redis.call('LRANGE', KEYS[1], 0, -most - 1)) do size = size - #old - 20 end
redis.call('LTRIM', KEYS[1], -most, -1)
sum = sum + size
redis.call('HSET', KEYS[3], ARGV[1], size)
redis.call('ZADD', KEYS[2], ARGV[2], ARGV[1])
while sum > tonumber(ARGV[5]) do
  local oldest = redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', '+inf', 'LIMIT', 0, 10)
  if #oldest == 0 then break end
  for _, subject in ipairs(oldest) do
    sum = sum - (tonumber(redis.call('HGET', KEYS[3], subject)) or 0)
    redis.call('DEL', ARGV[6] .. subject)
    redis.call('HDEL', KEYS[3], subject)
    redis.call('ZREM', KEYS[2], subject)
  end
end
redis.call('HSET', KEYS[4], 'steps', sum)
for i = 1, 4 do redis.call('PEXPIRE', KEYS[i], ARGV[3]) end
return 1
