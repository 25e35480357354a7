import { TOO_OLD_AT_ONCE } from "../session/session-values.ts";

/**
 * What is done with sessions in Redis, each as one step that no other gateway sees half of. Keys, all below ARGV[1]:
 * `sessions` client → session; `counts:CLIENT` last, messages, bytes; `order:CLIENT` sequences, sorted; `queue:CLIENT` sequence → message;
 * `received:CLIENT` packet id → admission id; `retained` topic → message; `topics`, sorted; `totals` messages, bytes of all queues.
 * The values are those of session/session-values.ts. ARGV[2] is who does it: told with each change on the channel `changes`.
 */
const PRELUDE = `
local p, origin = ARGV[1], ARGV[2]
-- No exponent, and no "-0", which Redis does not take.
local function number(n) return string.format('%.0f', n) end
local function payload_bytes(v) return #v - 12 - string.byte(v, 11) * 256 - string.byte(v, 12) end
local function tell(kind, text) redis.call('PUBLISH', p .. 'changes', origin .. kind .. text) end
`;

export const SESSION_SCRIPTS = {
  /** client, session */
  put: `${PRELUDE}
    redis.call('HSET', p .. 'sessions', ARGV[3], ARGV[4])
    tell('p', ARGV[4])`,

  /** client */
  find: `${PRELUDE}
    return redis.call('HGET', p .. 'sessions', ARGV[3])`,

  /** client */
  remove: `${PRELUDE}
    local c = ARGV[3]
    if redis.call('HDEL', p .. 'sessions', c) == 0 then return end
    local counts = redis.call('HMGET', p .. 'counts:' .. c, 'messages', 'bytes')
    if counts[1] then
      redis.call('HINCRBY', p .. 'totals', 'messages', number(0 - counts[1]))
      redis.call('HINCRBY', p .. 'totals', 'bytes', number(0 - counts[2]))
    end
    for _, kind in ipairs({'counts:', 'order:', 'queue:', 'received:'}) do redis.call('UNLINK', p .. kind .. c) end
    tell('r', c)`,

  /**
   * messages of a session, bytes of a session, bytes of all, UTC ms before which a message is too old; message; for each target how many may take
   * it, then client and QoS of each. Gives how many were too old and made room, then for each target who has taken it (the first is 1), 0 when
   * queues are full and -1 when nobody has a session.
   */
  enqueue: `${PRELUDE}
    local messages_max, bytes_max, all_max = tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
    local oldest, value = tonumber(ARGV[6]), ARGV[7]
    local bytes = payload_bytes(value)
    local head, flags, tail = string.sub(value, 1, 1), string.byte(value, 2), string.sub(value, 3)
    local values = {}
    local before = tonumber(redis.call('HGET', p .. 'totals', 'bytes') or 0)
    local all, places, told, added, expired = before, {0}, {}, 0, 0
    local function is_full(own)
      return own.messages >= messages_max or own.bytes + bytes > bytes_max or all + bytes > all_max
    end
    local function drop_old(c, own)
      local after, dropped = '-inf', 0
      repeat
        local order = redis.call('ZRANGEBYSCORE', p .. 'order:' .. c, after, '+inf', 'LIMIT', 0, ${TOO_OLD_AT_ONCE})
        for _, sequence in ipairs(order) do
          local old = redis.call('HGET', p .. 'queue:' .. c, sequence)
          if old and struct.unpack('>d', old, 3) >= oldest then return end
          after = '(' .. sequence
          if old and string.byte(old, 2) < 8 then
            local freed = payload_bytes(old)
            redis.call('HDEL', p .. 'queue:' .. c, sequence)
            redis.call('ZREM', p .. 'order:' .. c, sequence)
            own.messages, own.bytes, all = own.messages - 1, own.bytes - freed, all - freed
            dropped, expired = dropped + 1, expired + 1
            if dropped >= ${TOO_OLD_AT_ONCE} and not is_full(own) then return end
          end
        end
      until #order < ${TOO_OLD_AT_ONCE}
    end
    local function add(c, qos)
      if redis.call('HEXISTS', p .. 'sessions', c) == 0 then return -1 end
      local key = p .. 'counts:' .. c
      local counts = redis.call('HMGET', key, 'last', 'messages', 'bytes')
      local own = {last = tonumber(counts[1] or 0), messages = tonumber(counts[2] or 0), bytes = tonumber(counts[3] or 0)}
      local kept = own.messages
      if is_full(own) then drop_old(c, own) end
      local takes = not is_full(own)
      if takes then
        own.last, own.messages, own.bytes = own.last + 1, own.messages + 1, own.bytes + bytes
        local sequence = number(own.last)
        values[qos] = values[qos] or (head .. string.char(flags + qos) .. tail)
        redis.call('ZADD', p .. 'order:' .. c, sequence, sequence)
        redis.call('HSET', p .. 'queue:' .. c, sequence, values[qos])
        all, added = all + bytes, added + 1
        told[#told + 1] = struct.pack('>I2', #c) .. c
      end
      if takes or own.messages ~= kept then
        redis.call('HSET', key, 'last', number(own.last), 'messages', number(own.messages), 'bytes', number(own.bytes))
      end
      return takes and 1 or 0
    end
    local i = 8
    while i <= #ARGV do
      local count, place = tonumber(ARGV[i]), -1
      for n = 1, count do
        local took = add(ARGV[i + n * 2 - 1], tonumber(ARGV[i + n * 2]))
        if took == 1 then
          place = n
          break
        elseif took == 0 then
          place = 0
        end
      end
      places[#places + 1] = place
      i = i + 1 + count * 2
    end
    places[1] = expired
    if added > 0 or expired > 0 then
      redis.call('HINCRBY', p .. 'totals', 'messages', number(added - expired))
      redis.call('HINCRBY', p .. 'totals', 'bytes', number(all - before))
    end
    if added > 0 then tell('q', table.concat(told)) end
    return places`,

  /** client, sequence above which, count. Gives sequences and messages in turn. */
  queued: `${PRELUDE}
    local c, found = ARGV[3], {}
    local order = redis.call('ZRANGEBYSCORE', p .. 'order:' .. c, '(' .. ARGV[4], '+inf', 'LIMIT', 0, ARGV[5])
    for _, sequence in ipairs(order) do
      found[#found + 1] = sequence
      found[#found + 1] = redis.call('HGET', p .. 'queue:' .. c, sequence)
    end
    return found`,

  /** client, sequence */
  settle: `${PRELUDE}
    local c, sequence = ARGV[3], ARGV[4]
    local value = redis.call('HGET', p .. 'queue:' .. c, sequence)
    if not value then return end
    local bytes = payload_bytes(value)
    redis.call('HDEL', p .. 'queue:' .. c, sequence)
    redis.call('ZREM', p .. 'order:' .. c, sequence)
    for _, key in ipairs({'counts:' .. c, 'totals'}) do
      redis.call('HINCRBY', p .. key, 'messages', -1)
      redis.call('HINCRBY', p .. key, 'bytes', number(0 - bytes))
    end`,

  /** client, sequence */
  release: `${PRELUDE}
    local key, sequence = p .. 'queue:' .. ARGV[3], ARGV[4]
    local value = redis.call('HGET', key, sequence)
    if not value then return end
    local flags = string.byte(value, 2)
    if flags < 8 then flags = flags + 8 end
    redis.call('HSET', key, sequence, string.sub(value, 1, 1) .. string.char(flags) .. string.sub(value, 3))`,

  /** client. Gives packet ids and admission ids in turn. */
  received: `${PRELUDE}
    return redis.call('HGETALL', p .. 'received:' .. ARGV[3])`,

  /** client, packet id, admission id */
  receive: `${PRELUDE}
    if redis.call('HEXISTS', p .. 'sessions', ARGV[3]) == 0 then return end
    redis.call('HSET', p .. 'received:' .. ARGV[3], ARGV[4], ARGV[5])`,

  /** client, packet id */
  complete: `${PRELUDE}
    redis.call('HDEL', p .. 'received:' .. ARGV[3], ARGV[4])`,

  /** count, topic; the message, or nothing to remove it. Gives 0 when there are too many. */
  retain: `${PRELUDE}
    local topic = ARGV[4]
    if #ARGV == 4 then
      redis.call('HDEL', p .. 'retained', topic)
      redis.call('ZREM', p .. 'topics', topic)
      return 1
    end
    local is_new = redis.call('HEXISTS', p .. 'retained', topic) == 0
    if is_new and redis.call('HLEN', p .. 'retained') >= tonumber(ARGV[3]) then return 0 end
    redis.call('HSET', p .. 'retained', topic, ARGV[5])
    redis.call('ZADD', p .. 'topics', 0, topic)
    return 1`,

  /** lower and upper bound, as ZRANGEBYLEX takes them; count. Gives topics and messages in turn. */
  retained: `${PRELUDE}
    local found = {}
    for _, topic in ipairs(redis.call('ZRANGEBYLEX', p .. 'topics', ARGV[3], ARGV[4], 'LIMIT', 0, ARGV[5])) do
      found[#found + 1] = topic
      found[#found + 1] = redis.call('HGET', p .. 'retained', topic)
    end
    return found`,
} as const;

export type SessionScript = keyof typeof SESSION_SCRIPTS;
