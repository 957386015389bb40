-- Takes requests of a robot's quota, or says how long to wait. Times are in ms.
-- KEYS: what was sent (sorted set, by time), until when it is frozen. ARGV: now (0: the server's), how many, a name for
-- them that nobody else has, then the limits: most, span, …
local now, n = tonumber(ARGV[1]), tonumber(ARGV[2])
if now == 0 then
  local t = redis.call('TIME')
  now = t[1] * 1000 + math.floor(t[2] / 1000)
end
local longest = 60000
for i = 5, #ARGV, 2 do longest = math.max(longest, tonumber(ARGV[i])) end
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - longest)
local used = 0
if ARGV[5] then used = redis.call('ZCOUNT', KEYS[1], '(' .. (now - tonumber(ARGV[5])), '+inf') end
local frozen = tonumber(redis.call('GET', KEYS[2]) or '0')
if frozen > now then return {used, frozen - now, frozen} end
local wait = 0
for i = 4, #ARGV, 2 do
  local most, span = tonumber(ARGV[i]), tonumber(ARGV[i + 1])
  local since = '(' .. (now - span)
  local within = redis.call('ZCOUNT', KEYS[1], since, '+inf')
  local over = math.min(within + n - most, within)
  if over > 0 then
    local last = redis.call('ZRANGEBYSCORE', KEYS[1], since, '+inf', 'WITHSCORES', 'LIMIT', over - 1, 1)
    wait = math.max(wait, math.min(tonumber(last[2]), now) + span - now)
  end
end
if wait > 0 or n == 0 then return {used, wait, 0} end
for i = 1, n do redis.call('ZADD', KEYS[1], now, ARGV[3] .. ':' .. i) end
redis.call('PEXPIRE', KEYS[1], longest)
return {used + n, 0, 0}
