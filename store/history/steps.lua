-- Returns the latest steps of a subject. KEYS: its steps. ARGV: how many.
return redis.call('LRANGE', KEYS[1], -tonumber(ARGV[1]), -1)
