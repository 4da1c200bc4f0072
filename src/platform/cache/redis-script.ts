import { hash } from 'node:crypto'
import type { RedisClient } from './redis-link.ts'

export type RedisScript = (
  client: RedisClient,
  keys: readonly string[],
  args: readonly (string | number)[],
) => Promise<unknown>

/** A Lua script by its digest; its text travels only to a server that does not know it (a new one, SCRIPT FLUSH). */
export function createRedisScript(lua: string): RedisScript {
  const digest = hash('sha1', lua)
  return async (client, keys, args) => {
    try {
      return await client.evalsha(digest, keys.length, ...keys, ...args)
    } catch (error) {
      if (!(error instanceof Error && error.message.startsWith('NOSCRIPT'))) throw error
      return await client.eval(lua, keys.length, ...keys, ...args)
    }
  }
}
