-- Reads members of a group that has many.
-- KEYS: the members. ARGV: where to go on, how many about. Returns where to go on ('0': that was all), and
-- fingerprint, body, fingerprint … of which some may come twice.
return redis.call('HSCAN', KEYS[1], ARGV[1], 'COUNT', ARGV[2])
