-- Keeps an alert's account, its latest alert and occurrences of it, unless somebody else has changed the account; and
-- forgets the oldest beyond the bounds.
-- KEYS: the account {v = its stamp, s, b = the alert, n = its size}, ends of accounts, occurrences, sums of bytes.
-- ARGV: the stamp it had ('' none), stamp, account, alert ('' as before), when it ends in µs, now in µs,
-- how long to keep in ms, most bytes of accounts, most bytes of occurrences, prefix of accounts, fingerprint,
-- then of each occurrence its time in µs and what it is. Returns 1, or 0: it has changed.
if (redis.call('HGET', KEYS[1], 'v') or '') ~= ARGV[1] then return 0 end
local sums = redis.call('HMGET', KEYS[4], 'accounts', 'occurrences')
local accounts, occurrences = tonumber(sums[1]) or 0, tonumber(sums[2]) or 0
local size = tonumber(redis.call('HGET', KEYS[1], 'n')) or 0
if ARGV[4] ~= '' then
  accounts = accounts - size
  size = #ARGV[4] + 300
  accounts = accounts + size
  redis.call('HSET', KEYS[1], 'b', ARGV[4], 'n', size)
end
redis.call('HSET', KEYS[1], 'v', ARGV[2], 's', ARGV[3])
redis.call('ZADD', KEYS[2], ARGV[5], ARGV[11])
for i = 12, #ARGV, 2 do
  if redis.call('ZADD', KEYS[3], ARGV[i], ARGV[i + 1]) == 1 then occurrences = occurrences + #ARGV[i + 1] + 100 end
end
while accounts > tonumber(ARGV[8]) do
  local over = redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', '(' .. ARGV[6], 'LIMIT', 0, 10)
  if #over == 0 then break end -- what is live stays
  for _, fp in ipairs(over) do
    accounts = accounts - (tonumber(redis.call('HGET', ARGV[10] .. fp, 'n')) or 0)
    redis.call('DEL', ARGV[10] .. fp)
    redis.call('ZREM', KEYS[2], fp)
  end
end
while occurrences > tonumber(ARGV[9]) do
  local oldest = redis.call('ZRANGEBYSCORE', KEYS[3], '-inf', '+inf', 'LIMIT', 0, 10)
  if #oldest == 0 then break end
  for _, member in ipairs(oldest) do
    occurrences = occurrences - #member - 100
    redis.call('ZREM', KEYS[3], member)
  end
end
redis.call('HSET', KEYS[4], 'accounts', accounts, 'occurrences', occurrences)
for i = 1, 4 do redis.call('PEXPIRE', KEYS[i], ARGV[7]) end
return 1
