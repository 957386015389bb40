-- Exchanges what is known of keys, each only if it is still what the caller took it for: its stamp, the first
-- 16 bytes, changes with every exchange. Otherwise the caller gets what is there and judges anew.
-- KEYS: the keys; ARGV, for each: the stamp ('' where there was nothing), how many ms it stays, what is known
-- now. Returns for each 1, or what is there ('' for nothing).
local replies = {}
for i, key in ipairs(KEYS) do
  local n = 3 * i
  if redis.call('GETRANGE', key, 0, 15) == ARGV[n - 2] then
    redis.call('SET', key, ARGV[n], 'PX', ARGV[n - 1])
    replies[i] = 1
  else
    replies[i] = redis.call('GET', key) or ''
  end
end
return replies
