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

  /** messages of a session, bytes of a session, bytes of all; message; client and QoS of each target. Gives the clients whose queue is full. */
  enqueue: `${PRELUDE}
    local messages_max, bytes_max, all_max = tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
    local value = ARGV[6]
    local bytes = payload_bytes(value)
    local head, flags, tail = string.sub(value, 1, 1), string.byte(value, 2), string.sub(value, 3)
    local values = {}
    local all = tonumber(redis.call('HGET', p .. 'totals', 'bytes') or 0)
    local full, told, added = {}, {}, 0
    for i = 7, #ARGV, 2 do
      local c, qos = ARGV[i], tonumber(ARGV[i + 1])
      if redis.call('HEXISTS', p .. 'sessions', c) == 1 then
        local key = p .. 'counts:' .. c
        local counts = redis.call('HMGET', key, 'last', 'messages', 'bytes')
        local last, messages, own = tonumber(counts[1] or 0), tonumber(counts[2] or 0), tonumber(counts[3] or 0)
        if messages >= messages_max or own + bytes > bytes_max or all + bytes > all_max then
          full[#full + 1] = c
        else
          local sequence = number(last + 1)
          values[qos] = values[qos] or (head .. string.char(flags + qos) .. tail)
          redis.call('HSET', key, 'last', sequence, 'messages', number(messages + 1), 'bytes', number(own + bytes))
          redis.call('ZADD', p .. 'order:' .. c, sequence, sequence)
          redis.call('HSET', p .. 'queue:' .. c, sequence, values[qos])
          all, added = all + bytes, added + 1
          told[#told + 1] = struct.pack('>I2', #c) .. c
        end
      end
    end
    if added > 0 then
      redis.call('HINCRBY', p .. 'totals', 'messages', added)
      redis.call('HINCRBY', p .. 'totals', 'bytes', number(added * bytes))
      tell('q', table.concat(told))
    end
    return full`,

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
