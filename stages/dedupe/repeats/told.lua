-- A message has shown repeats: episode.tell of episode.go, and episode.close when it summed the episode up.
-- KEYS: the episode, the partition's set of what is due. ARGV: id, how many repeats were shown, when the latest
-- of them was, the key's name in the set when the episode is closed with this, or "".
local h = redis.call('HMGET', KEYS[1], 'id', 'repeats', 'told')
local repeats, told, n = tonumber(h[2]) or 0, tonumber(h[3]) or 0, tonumber(ARGV[2])
if ARGV[4] ~= '' and (not h[1] or h[1] == ARGV[1]) then
  redis.call('ZREM', KEYS[2], ARGV[4])
  if h[1] then
    redis.call('HSET', KEYS[1], 'closed', '1')
    redis.call('HDEL', KEYS[1], 'alert')
  end
end
if h[1] ~= ARGV[1] or n <= told then return 0 end
told = math.min(n, repeats)
redis.call('HSET', KEYS[1], 'told', string.format('%.0f', told), 'since', told < repeats and ARGV[3] or '0')
return 1
