-- Leases a group that was popped, unless it was woken and popped by another meanwhile.
-- KEYS: the due set, the group, its inbox, its members, the shard's count of wakes. ARGV: the group's name, the
-- claim's token, when the lease ends, how many rows and bytes to read at most (one row in any case), up to how many
-- members to read.
-- Returns key, route, receiver, labels, due, '1' when the claim before was not settled, state, the mark of what is
-- before the inbox, rows in the inbox, members, the rows that were read, the members (fingerprint, body …) if they
-- are not too many.
if redis.call('ZSCORE', KEYS[1], ARGV[1]) ~= ARGV[3] then return false end
local h = redis.call('HMGET', KEYS[2], 'key', 'route', 'receiver', 'labels', 'due', 'token', 'until', 'state', 'base')
if not h[1] then
  redis.call('ZREM', KEYS[1], ARGV[1])
  return false
end
if h[6] and h[7] == ARGV[3] then return false end
redis.call('HSET', KEYS[2], 'token', ARGV[2], 'until', ARGV[3], 'wakes', redis.call('GET', KEYS[5]) or '0')
redis.call('HDEL', KEYS[2], 'wish')
local length, rows, bytes = redis.call('LLEN', KEYS[3]), {}, 0
while #rows < math.min(length, tonumber(ARGV[4])) and bytes < tonumber(ARGV[5]) do
  local row = redis.call('LINDEX', KEYS[3], #rows)
  rows[#rows + 1] = row
  bytes = bytes + #row
end
local count, members = redis.call('HLEN', KEYS[4]), {}
if count > 0 and count <= tonumber(ARGV[6]) then members = redis.call('HGETALL', KEYS[4]) end
return {h[1], h[2], h[3], h[4], h[5], h[6] and '1' or '0', h[8] or '', h[9] or '0', length, count, rows, members}
