-- Lists occurrences with their times, the latest first, until so many bytes are read.
-- KEYS: occurrences. ARGV: not after, not before (µs), how many to leave out, how many to list, bytes.
local found, bytes, most = {}, 0, tonumber(ARGV[5])
local page = redis.call('ZREVRANGEBYSCORE', KEYS[1], ARGV[1], ARGV[2], 'WITHSCORES', 'LIMIT', ARGV[3], ARGV[4])
for i = 1, #page, 2 do
  found[i], found[i + 1] = page[i], page[i + 1]
  bytes = bytes + #page[i]
  if bytes >= most then break end
end
return found
