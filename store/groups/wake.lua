-- Notes that groups are woken, and lists those that hold something back.
-- KEYS: the names of what holds, the count of wakes. ARGV: where to go on ('0': it begins), how many about. Returns
-- where to go on ('0': that was all), and names, of which some may come twice.
if ARGV[1] == '0' then redis.call('INCR', KEYS[2]) end
return redis.call('SSCAN', KEYS[1], ARGV[1], 'COUNT', ARGV[2])
