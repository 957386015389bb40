-- Brings alerts to a group. Times are µs since the epoch, as everywhere here.
-- KEYS: the due set, the group, its inbox. ARGV: the group's name in the set, now, wait, '1' when a new group is due at
-- once, '1' when none is to be made, key, route, receiver, labels, rows of alerts.
-- Returns when the group can be claimed; nothing when it is not there.
local now, wait = tonumber(ARGV[2]), tonumber(ARGV[3])
local function num(n) return string.format('%.0f', n) end -- tostring would write 1.7e+15
local h = redis.call('HMGET', KEYS[2], 'key', 'due', 'ready', 'token', 'wish')
local due = now + wait
if not h[1] then
  if ARGV[5] == '1' then return false end
  if ARGV[4] == '1' then due = now end
  redis.call('HSET', KEYS[2], 'key', ARGV[6], 'due', num(due))
  redis.call('ZADD', KEYS[1], num(due), ARGV[1])
elseif h[4] then
  if not h[5] or due < tonumber(h[5]) then redis.call('HSET', KEYS[2], 'wish', num(due)) end
else
  if h[3] then due = math.max(due, tonumber(h[3])) end
  if due < tonumber(h[2]) then
    redis.call('HSET', KEYS[2], 'due', num(due))
    redis.call('ZADD', KEYS[1], num(due), ARGV[1])
  end
end
redis.call('HSET', KEYS[2], 'route', ARGV[7], 'receiver', ARGV[8], 'labels', ARGV[9])
for i = 10, #ARGV do redis.call('RPUSH', KEYS[3], ARGV[i]) end
return redis.call('ZSCORE', KEYS[1], ARGV[1])
