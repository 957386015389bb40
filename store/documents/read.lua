-- Reads documents until so many bytes are read, so that no reply takes long.
-- KEYS: the documents. ARGV: bytes, keys. Returns a text for each that was asked, '' for what is not there.
local replies, bytes, most = {}, 0, tonumber(ARGV[1])
for i = 2, #ARGV do
  local doc = redis.call('HGET', KEYS[1], ARGV[i]) or ''
  replies[i - 1] = doc
  bytes = bytes + #doc
  if bytes >= most then break end
end
return replies
