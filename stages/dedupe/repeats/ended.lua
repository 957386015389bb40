-- Takes what is due out of a partition's set, for a while: whoever has taken it sums it up and then says so
-- (told.lua); when they do not, it is due again.
-- KEYS: the set. ARGV: now, when it is due again, how many at most. Returns the keys' names.
local names = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', ARGV[1], 'LIMIT', 0, ARGV[3])
for _, name in ipairs(names) do redis.call('ZADD', KEYS[1], ARGV[2], name) end
return names
