-- Takes a source, in the place of the one with its fingerprint.
-- KEYS: sources of its kind (whether it matches both sides), those of the other. ARGV: now, fingerprint, when it ends.
local now, ends = tonumber(ARGV[1]), tonumber(ARGV[3])
redis.call('ZREM', KEYS[2], ARGV[2])
redis.call('ZADD', KEYS[1], ARGV[3], ARGV[2])
for i = 1, 2 do redis.call('ZREMRANGEBYSCORE', KEYS[i], '-inf', ARGV[1]) end
-- By a clock that may be another than Redis's, hence the minute.
local ms = math.ceil((ends - now) / 1000) + 60000
if redis.call('PTTL', KEYS[1]) < ms then redis.call('PEXPIRE', KEYS[1], math.max(ms, 1)) end
return 1
