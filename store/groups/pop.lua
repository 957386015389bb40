-- Takes what is due out of a shard's set until a lease ends; who pops a group takes it next (take.lua). When they die
-- in between, it is due again when the lease ends.
-- KEYS: the due set. ARGV: now, when the lease ends, how many at most. Returns name, when it was due, name …
local popped = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', ARGV[1], 'WITHSCORES', 'LIMIT', 0, ARGV[3])
for i = 1, #popped, 2 do redis.call('ZADD', KEYS[1], ARGV[2], popped[i]) end
return popped
