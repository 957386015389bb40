-- Forgets documents.
-- KEYS: the documents, their times, the account {version, count}. ARGV: keys.
local removed = 0
for _, key in ipairs(ARGV) do
  redis.call('HDEL', KEYS[1], key)
  removed = removed + redis.call('ZREM', KEYS[2], key)
end
if removed > 0 then
  local account = redis.call('HMGET', KEYS[3], 'version', 'count')
  redis.call('HSET', KEYS[3], 'version', (tonumber(account[1]) or 0) + 1, 'count', (tonumber(account[2]) or 0) - removed)
end
return removed
