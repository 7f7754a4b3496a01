import { createHash } from "node:crypto";
import { isAshlarError } from "@ashlar/core";
import type { RedisArgument, RedisConnection } from "./redis-client.ts";

/**
 * KEYS: vectors' keys, no two alike; ARGV: milliseconds to keep them or nothing, the vectors one after another in one piece,
 * which the client sends faster than as many, and the length of each. Stamps are compared byte
 * by byte: Lua's own comparison of strings follows the locale of the server. Two commands for all keys cost the server a
 * third of two for each. Answers how many of the keys were there.
 */
export const writeScript = `
local function lower(a, b)
  for i = 9, 32 do
    local x, y = string.byte(a, i), string.byte(b, i)
    if x ~= y then return x < y end
  end
  return false
end
local stored = redis.call('MGET', unpack(KEYS))
local pairs = {}
local from = 1
local there = 0
for i = 1, #KEYS do
  local to = from + tonumber(ARGV[i + 2])
  local vector = string.sub(ARGV[2], from, to - 1)
  from = to
  if stored[i] then there = there + 1 end
  if not stored[i] or not lower(vector, stored[i]) then
    if ARGV[1] == '' then
      pairs[#pairs + 1] = KEYS[i]
      pairs[#pairs + 1] = vector
    else
      redis.call('SET', KEYS[i], vector, 'PX', ARGV[1])
    end
  end
end
if #pairs > 0 then redis.call('MSET', unpack(pairs)) end
return there`;

/**
 * KEYS: vectors' keys; ARGV: milliseconds to keep them or nothing, then for each the vector it must be (nothing: absent)
 * and the next. Answers 1 for each that was replaced.
 */
export const exchangeScript = `
local made = {}
for i = 1, #KEYS do
  local stored = redis.call('GET', KEYS[i]) or ''
  if stored == ARGV[2 * i] then
    if ARGV[1] == '' then redis.call('SET', KEYS[i], ARGV[2 * i + 1])
    else redis.call('SET', KEYS[i], ARGV[2 * i + 1], 'PX', ARGV[1]) end
    made[i] = 1
  else
    made[i] = 0
  end
end
return made`;

/** KEYS: the watermark's key; ARGV: the new one. */
export const advanceScript = `
local stored = redis.call('GET', KEYS[1])
if not stored or tonumber(stored) < tonumber(ARGV[1]) then redis.call('SET', KEYS[1], ARGV[1]) end
return 1`;

/** A script, sent whole at first and then by its digest, and whole again where a server does not know it. */
export class RedisScript {
  readonly #source: string;
  readonly #digest: string;
  #sent = false;

  constructor(source: string) {
    this.#source = source;
    this.#digest = createHash("sha1").update(source).digest("hex");
  }

  async run(
    connection: RedisConnection,
    operation: "write" | "exchange",
    keys: readonly RedisArgument[],
    argumentList: readonly RedisArgument[],
  ): Promise<unknown> {
    const rest = [String(keys.length), ...keys, ...argumentList];
    const first = keys[0] as RedisArgument;
    // Those that follow on the connection find it there.
    if (!this.#sent) {
      this.#sent = true;
      return await connection.send(operation, first, ["EVAL", this.#source, ...rest], { readonly: false });
    }
    try {
      return await connection.send(operation, first, ["EVALSHA", this.#digest, ...rest], { readonly: false });
    } catch (error) {
      if (!isAshlarError(error) || !String(error.details["reason"]).startsWith("NOSCRIPT")) throw error;
      return await connection.send(operation, first, ["EVAL", this.#source, ...rest], { readonly: false });
    }
  }
}
