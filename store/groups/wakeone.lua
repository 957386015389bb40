-- Makes a group due that nobody has claimed.
-- KEYS: the due set, the group. ARGV: the group's name, now.
local h = redis.call('HMGET', KEYS[2], 'key', 'token', 'due')
if not h[1] or h[2] or tonumber(h[3]) <= tonumber(ARGV[2]) then return 0 end
redis.call('HSET', KEYS[2], 'due', ARGV[2])
redis.call('ZADD', KEYS[1], ARGV[2], ARGV[1])
return 1
