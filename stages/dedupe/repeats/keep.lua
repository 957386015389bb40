-- What an episode is to be summed up with.
-- KEYS: the episode. ARGV: the id that opened it, the alert.
if redis.call('HGET', KEYS[1], 'id') ~= ARGV[1] then return 0 end
redis.call('HSET', KEYS[1], 'alert', ARGV[2])
return 1
