import type { Clock, InstantMs } from '#contracts/clock.ts'
import type { Customer } from '#contracts/profile.ts'
import type { ProfileCache } from '#contracts/profile-cache.ts'
import { profileCopyMs } from './redis-profile-cache.ts'

/** The same within one process, of at most `customersMax` customers; the oldest make room. */
export function createInProcessProfileCache(options: {
  wallClock: Clock
  copyMs?: number
  customersMax?: number
}): ProfileCache {
  const { wallClock, copyMs = profileCopyMs, customersMax = 10_000 } = options
  const copies = new Map<string, { stamp: string; json: string; endsAt: InstantMs }>()
  return {
    async get(workspace, wanted) {
      const found = new Map<string, Customer>()
      for (const { customerId, stamp } of wanted) {
        const copy = copies.get(keyOf(workspace, customerId))
        if (copy === undefined || copy.stamp !== stamp || copy.endsAt <= wallClock.now()) continue
        found.set(customerId, JSON.parse(copy.json) as Customer)
      }
      return found
    },
    async set(workspace, fresh) {
      for (const { customer, stamp } of fresh) {
        const key = keyOf(workspace, customer.customerId)
        copies.delete(key)
        // As text: whoever gets a copy may change it.
        copies.set(key, { stamp, json: JSON.stringify(customer), endsAt: wallClock.now() + copyMs })
      }
      for (const oldest of copies.keys()) {
        if (copies.size <= customersMax) break
        copies.delete(oldest)
      }
    },
    async forget(workspace, customerIds) {
      for (const id of customerIds) copies.delete(keyOf(workspace, id))
      return true
    },
  }
}

function keyOf(workspace: string, customerId: string): string {
  return `${workspace}\u0000${customerId}`
}
