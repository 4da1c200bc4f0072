import type { Customer } from '#contracts/profile.ts'
import type { ProfileCache, ProfileStamp } from '#contracts/profile-cache.ts'
import { customerKey, groupsOf } from './cache-key.ts'
import type { RedisLink } from './redis-link.ts'

/** Longest life of a copy: what is erased is gone from here by then even if nobody could be told. */
export const profileCopyMs = 60_000
const customersPerCall = 512

/** Copies of customers as `stamp` NUL JSON. */
export function createRedisProfileCache(link: RedisLink, { copyMs = profileCopyMs } = {}): ProfileCache {
  return {
    async get(workspace, wanted) {
      if (wanted.length === 0) return new Map()
      const ids = wanted.map(({ customerId }) => customerId)
      const found = await link.ask((client, isCluster) =>
        Promise.all(
          groupsOf(ids, isCluster, customersPerCall).map(async (indexes) => {
            const keys = indexes.map((index) => customerKey('profile', workspace, ids[index] as string))
            const copies = await client.mget(...keys)
            return indexes.flatMap((index, place) =>
              readCopy(copies[place] ?? '', wanted[index]?.stamp ?? ''),
            )
          }),
        ),
      )
      return new Map((found ?? []).flat().map((customer) => [customer.customerId, customer]))
    },
    async set(workspace, copies) {
      if (copies.length === 0) return
      await link.ask((client) =>
        Promise.all(
          copies.map(({ customer, stamp }) => {
            const key = customerKey('profile', workspace, customer.customerId)
            return client.set(key, `${stamp}\u0000${JSON.stringify(customer)}`, 'PX', copyMs)
          }),
        ),
      )
    },
    async forget(workspace, customerIds) {
      if (customerIds.length === 0) return true
      const answer = await link.ask((client) =>
        Promise.all(customerIds.map((id) => client.del(customerKey('profile', workspace, id)))),
      )
      return answer !== null
    },
  }
}

/** The customer, where the copy has the stamp. */
function readCopy(copy: string, stamp: ProfileStamp): Customer[] {
  return copy.startsWith(`${stamp}\u0000`) ? [JSON.parse(copy.slice(stamp.length + 1)) as Customer] : []
}
