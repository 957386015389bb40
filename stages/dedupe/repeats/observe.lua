-- One occurrence of one key: episode.observe of episode.go, kept in a hash. The two must agree; the
-- contract suite runs both. Times are µs since the epoch (a Lua number holds them exactly, not ns).
-- KEYS: the episode, the partition's set of what is due. ARGV: id, at, quiet, keep-untold, arrived, factor,
-- grace, the key's name in the set or "" when nobody wants a summary.
-- Returns what it is (0 a repeat, 1 first, 2 escalated), count, first seen, last seen, and what opened it.
local id, at, quiet, keep = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local arrived, factor, grace, name = tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7]), ARGV[8]
local h = redis.call('HMGET', KEYS[1], 'id', 'open', 'quiet', 'count', 'first', 'repeats', 'told', 'since', 'last', 'closed', 'x:' .. id)
local open, equiet = tonumber(h[2]) or 0, tonumber(h[3]) or 0
local count, first = tonumber(h[4]) or 0, tonumber(h[5]) or 0
local repeats, told = tonumber(h[6]) or 0, tonumber(h[7]) or 0
local since, last = tonumber(h[8]) or 0, tonumber(h[9]) or 0
local function num(n) return string.format('%.0f', n) end -- tostring would write 1.7e+15

local function power(n)
  if factor < 2 then return false end
  while n % factor == 0 do n = n / factor end
  return n == 1
end

-- expireIn makes a key live for at least so many ms.
local function expireIn(key, ms)
  if redis.call('PTTL', key) < ms then redis.call('PEXPIRE', key, ms) end
end

if h[1] and h[1] ~= id and at > open - equiet and at < open + equiet then
  if h[11] then -- it has passed, and is redelivered
    local n, seen = string.match(h[11], '(%d+) (-?%d+)')
    return {2, n, num(open), seen, h[1]}
  end
  repeats, last = repeats + 1, math.max(last, at)
  local passes = power(repeats + 1)
  if passes then
    told, since = repeats, 0
    redis.call('HSET', KEYS[1], 'x:' .. id, num(repeats + 1) .. ' ' .. num(last))
  elseif since == 0 then
    since = at
  end
  redis.call('HSET', KEYS[1], 'repeats', num(repeats), 'told', num(told), 'since', num(since), 'last', num(last))
  local ttl = math.ceil((last - open + equiet + keep) / 1000)
  expireIn(KEYS[1], ttl)
  if passes then return {2, num(repeats + 1), num(open), num(last), h[1]} end
  if name ~= '' and not h[10] then
    local due = math.max(open + equiet - math.max(0, at - arrived), arrived) + grace
    local planned = redis.call('ZSCORE', KEYS[2], name)
    if not planned or tonumber(planned) < due then redis.call('ZADD', KEYS[2], num(due), name) end
    expireIn(KEYS[2], ttl)
  end
  return {0, 0, 0, 0, ''}
end
if h[1] ~= id then
  count, first = 1, at
  if repeats > told then
    count = count + repeats - told
    first = math.min(since, at)
  end
  open = at
  redis.call('DEL', KEYS[1])
  redis.call('ZREM', KEYS[2], name)
  redis.call('HSET', KEYS[1], 'id', id, 'open', num(at), 'quiet', num(quiet),
    'count', num(count), 'first', num(first), 'last', num(at))
  redis.call('PEXPIRE', KEYS[1], math.max(1, math.ceil(quiet / 1000)))
end
return {1, num(count), num(first), num(open), ''}
