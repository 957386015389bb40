-- Keeps changes of members that are too many for one request, until the settlement takes them; if there is none
-- they end by themselves.
-- KEYS: the staged changes. ARGV: fingerprint, change (see settle.lua), fingerprint …
for i = 1, #ARGV, 2 do redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1]) end
redis.call('PEXPIRE', KEYS[1], 60000)
return 1
