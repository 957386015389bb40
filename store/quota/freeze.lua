-- Freezes a robot. KEYS: what was sent (unused; of the same slot), until when it is frozen. ARGV: until, in ms; how long that is.
local frozen = tonumber(redis.call('GET', KEYS[2]) or '0')
if tonumber(ARGV[1]) > frozen then redis.call('SET', KEYS[2], ARGV[1], 'PX', ARGV[2]) end
return 1
