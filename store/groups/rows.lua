-- Reads on in an inbox.
-- KEYS: the inbox. ARGV: how many rows to leave out, how many and how many bytes to read at most. Returns rows.
local rows, bytes, from = {}, 0, tonumber(ARGV[1])
while #rows < tonumber(ARGV[2]) and bytes < tonumber(ARGV[3]) do
  local row = redis.call('LINDEX', KEYS[1], from + #rows)
  if not row then break end
  rows[#rows + 1] = row
  bytes = bytes + #row
end
return rows
