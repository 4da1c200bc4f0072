import { entriesMax, entryWidth } from './cap-entries.ts'

/**
 * What is kept of a customer: `1` and its sends (see `cap-entries.ts`), newest first; or `0`, for a few
 * seconds: something changed while nothing was kept, and a list read before that must not be kept.
 * A key that is missing is a customer nobody knows of, never one without sends.
 */
export const completeMark = '1'
const changedMark = '0'
/** Longer than a rebuild may take. */
export const changedMs = 5000

/**
 * KEYS: customers, those with the same rules side by side. ARGV: for each such run its length, the number
 * of rules, and of each rule `sendsMax`, `since` (13 digits) and scope. Returns a string with a mark per
 * customer, `?` unknown, `.` free, `!` full; then, for each that is full, a digit per rule and its list.
 */
export const checkLua = `
local width = ${entryWidth}
local sub, byte = string.sub, string.byte
local lists = redis.call('MGET', unpack(KEYS))
local marks, full = {}, {}
local first, arg = 1, 1
while first <= #KEYS do
  local last = first + ARGV[arg] - 1
  for k = first, last do
    local list = lists[k]
    marks[k] = list and byte(list) == 49 and '.' or '?'
  end
  for r = 0, ARGV[arg + 1] - 1 do
    local at = arg + 2 + r * 3
    local max, since, scope = tonumber(ARGV[at]), ARGV[at + 1], ARGV[at + 2]
    local channel, campaign = byte(scope), sub(scope, 2)
    -- Where the max-th newest send stands: older than the window, or missing, and no cap of so many is full.
    local from = (max - 1) * width + 2
    for k = first, last do
      local list = lists[k]
      if list and #list > from and sub(list, from, from + 12) >= since then
        local place = from
        if channel then
          local left = max
          place = 2 - width
          while left > 0 and place < #list do
            place = place + width
            if (channel == 45 or byte(list, place + 13) == channel)
              and (campaign == '' or sub(list, place + 14, place + 25) == campaign) then
              left = left - 1
            end
          end
          if left > 0 or (place ~= from and sub(list, place, place + 12) < since) then place = nil end
        end
        if place then
          full[k] = full[k] and full[k] .. ',' .. r or tostring(r)
          marks[k] = '!'
        end
      end
    end
  end
  first, arg = last + 1, arg + 2 + ARGV[arg + 1] * 3
end
local reply = {table.concat(marks)}
for k = 1, #KEYS do
  if full[k] then
    reply[#reply + 1] = full[k]
    reply[#reply + 1] = lists[k]
  end
end
return reply
`

/** KEYS: customers. ARGV: the life of a list in ms, then a list per customer. Keeps it where nothing is kept. */
export const keepLua = `
for i = 1, #KEYS do
  redis.call('SET', KEYS[i], ARGV[i + 1], 'NX', 'PX', ARGV[1])
end
return 1
`

const withoutLua = `
local width = ${entryWidth}
local function without(list, message)
  for from = 2, #list, width do
    if string.sub(list, from + 26, from + width - 1) == message then
      return string.sub(list, 1, from - 1) .. string.sub(list, from + width)
    end
  end
  return list
end`

/**
 * KEYS: customers, perhaps repeatedly. ARGV: an entry each, to be put in its place, once for each message. Where nothing is kept,
 * only that something changed. The life of a list does not grow: it ends, and the ledger is read again.
 */
export const noteLua = `
${withoutLua}
local most = ${entriesMax}
for i = 1, #KEYS do
  local list, entry = redis.call('GET', KEYS[i]), ARGV[i]
  if not list or string.byte(list) ~= 49 then
    redis.call('SET', KEYS[i], '${changedMark}', 'PX', ${changedMs})
  else
    local at, message = string.sub(entry, 1, 13), string.sub(entry, -8)
    list = without(list, message)
    local place = 2
    while place < #list and string.sub(list, place, place + 12) > at do place = place + width end
    list = string.sub(list, 1, place - 1) .. entry .. string.sub(list, place)
    redis.call('SET', KEYS[i], string.sub(list, 1, most * width + 1), 'KEEPTTL')
  end
end
return 1
`

/** KEYS: customers, perhaps repeatedly. ARGV: the key of a message each, which is taken out. */
export const takeBackLua = `
${withoutLua}
for i = 1, #KEYS do
  local list = redis.call('GET', KEYS[i])
  if not list or string.byte(list) ~= 49 then
    redis.call('SET', KEYS[i], '${changedMark}', 'PX', ${changedMs})
  else
    redis.call('SET', KEYS[i], without(list, ARGV[i]), 'KEEPTTL')
  end
end
return 1
`
