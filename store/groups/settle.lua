-- Ends a lease.
-- KEYS: the due set, the group, its inbox, its members, the names of what holds something back, the count of wakes,
-- staged changes of members. ARGV: the group's name, token, now, the mark up to which the inbox is emptied, '1' when the
-- group is to go, when it is due, when it is ready or '', '1' when it holds something back, '1' when the claim did not
-- have all of the inbox, state, changes of members: fingerprint, 's' and the body or 'r' for a removal, fingerprint …
-- Returns 1, or 0 when the lease is another's.
local name, now, upto, gone = ARGV[1], tonumber(ARGV[3]), tonumber(ARGV[4]), ARGV[5] == '1'
local holds = ARGV[8] == '1'
local h = redis.call('HMGET', KEYS[2], 'token', 'base', 'wish', 'wakes')
if not h[1] or h[1] ~= ARGV[2] then return 0 end
local base = tonumber(h[2]) or 0
if upto > base then
  redis.call('LTRIM', KEYS[3], upto - base, -1)
  base = upto
end
if gone and redis.call('LLEN', KEYS[3]) == 0 then
  redis.call('DEL', KEYS[2], KEYS[3], KEYS[4], KEYS[7])
  redis.call('ZREM', KEYS[1], name)
  redis.call('SREM', KEYS[5], name)
  return 1
end
local function change(fingerprint, what)
  if what == 'r' then
    redis.call('HDEL', KEYS[4], fingerprint)
  else
    redis.call('HSET', KEYS[4], fingerprint, string.sub(what, 2))
  end
end
local staged = redis.call('HGETALL', KEYS[7])
for i = 1, #staged, 2 do change(staged[i], staged[i + 1]) end
if #staged > 0 then redis.call('DEL', KEYS[7]) end
for i = 11, #ARGV, 2 do change(ARGV[i], ARGV[i + 1]) end

local due
if not gone then due = tonumber(ARGV[6]) end
if h[3] then
  local wish = tonumber(h[3])
  if ARGV[7] ~= '' then wish = math.max(wish, tonumber(ARGV[7])) end
  due = due and math.min(due, wish) or wish
end
if not due or ARGV[9] == '1' or holds and h[4] ~= (redis.call('GET', KEYS[6]) or '0') then due = now end
due = string.format('%.0f', due)
redis.call('ZADD', KEYS[1], due, name)
redis.call('HSET', KEYS[2], 'due', due, 'base', string.format('%.0f', base), 'state', ARGV[10])
redis.call('HDEL', KEYS[2], 'token', 'until', 'wish', 'wakes', 'ready')
if ARGV[7] ~= '' then redis.call('HSET', KEYS[2], 'ready', ARGV[7]) end
if holds then redis.call('SADD', KEYS[5], name) else redis.call('SREM', KEYS[5], name) end
return 1
