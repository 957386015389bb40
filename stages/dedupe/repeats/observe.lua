-- One occurrence of one key: episode.observe of episode.go, kept in a hash. The two must agree; the
-- contract suite runs both. Times are µs since the epoch (a Lua number holds them exactly, not ns).
-- KEYS[1] the episode; ARGV: id, at, quiet, keep-untold. Returns first (0 or 1), count, first seen, last seen.
local id, at, quiet, keep = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local h = redis.call('HMGET', KEYS[1], 'id', 'open', 'quiet', 'count', 'first', 'repeats', 'told', 'since', 'last')
local open, equiet = tonumber(h[2]) or 0, tonumber(h[3]) or 0
local count, first = tonumber(h[4]) or 0, tonumber(h[5]) or 0
local repeats, told = tonumber(h[6]) or 0, tonumber(h[7]) or 0
local since, last = tonumber(h[8]) or 0, tonumber(h[9]) or 0
local function num(n) return string.format('%.0f', n) end -- tostring would write 1.7e+15

if h[1] and h[1] ~= id and at > open - equiet and at < open + equiet then
  if since == 0 then since = at end
  last = math.max(last, at)
  redis.call('HSET', KEYS[1], 'repeats', num(repeats + 1), 'since', num(since), 'last', num(last))
  redis.call('PEXPIRE', KEYS[1], math.ceil((last - open + equiet + keep) / 1000))
  return {0, 0, 0, 0}
end
if h[1] ~= id then
  count, first = 1, at
  if repeats > told then
    count = count + repeats - told
    first = math.min(since, at)
  end
  open = at
  redis.call('DEL', KEYS[1])
  redis.call('HSET', KEYS[1], 'id', id, 'open', num(at), 'quiet', num(quiet),
    'count', num(count), 'first', num(first), 'last', num(at))
  redis.call('PEXPIRE', KEYS[1], math.max(1, math.ceil(quiet / 1000)))
end
return {1, num(count), num(first), num(open)}
