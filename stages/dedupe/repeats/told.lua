-- A message has shown repeats: episode.tell of episode.go.
-- KEYS[1] the episode; ARGV: id, how many repeats were shown, when the latest of them was.
local h = redis.call('HMGET', KEYS[1], 'id', 'repeats', 'told')
local repeats, told, n = tonumber(h[2]) or 0, tonumber(h[3]) or 0, tonumber(ARGV[2])
if h[1] ~= ARGV[1] or n <= told then return 0 end
told = math.min(n, repeats)
redis.call('HSET', KEYS[1], 'told', told, 'since', told < repeats and ARGV[3] or '0')
return 1
