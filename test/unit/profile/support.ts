import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach } from 'vitest'
import type { CustomerEvent, EngagementPayload, LogRecord, ProductEventPayload } from '#contracts/event.ts'
import type { Customer } from '#contracts/profile.ts'
import { createReportingCurrency } from '#platform/money/reporting-currency.ts'
import type { Store, WorkspaceDb } from '#platform/store/store.ts'
import { newProfile } from '../../../src/profile/profile.ts'
import { openTestStore } from '../../support/test-store.ts'

export const workspace = 'shop'
export const dayMs = 86_400_000

export const euro = createReportingCurrency('EUR', [
  // Reference rates of the European Central Bank, in EUR for one USD (1/1.0987 and 1/1.0389).
  { currency: 'USD', validFrom: '2024-01-02', rate: 0.91017 },
  { currency: 'USD', validFrom: '2025-01-02', rate: 0.96256 },
])

/** An instant as people write it: `2026-03-10` or `2026-03-10T23:59:59Z`. */
export function at(iso: string): number {
  const instant = Date.parse(iso)
  if (Number.isNaN(instant)) throw new Error(iso)
  return instant
}

let number = 0

export function event(
  kind: CustomerEvent['kind'],
  occurredAt: number | string,
  payload: ProductEventPayload = {},
  customerId = 'ada',
): CustomerEvent {
  const instant = typeof occurredAt === 'string' ? at(occurredAt) : occurredAt
  number += 1
  return {
    v: 1,
    workspace,
    eventId: `e${number}`,
    customerId,
    kind,
    occurredAt: instant,
    receivedAt: instant + 1000,
    payload,
  }
}

export function track(
  name: string,
  occurredAt: number | string,
  properties?: ProductEventPayload['properties'],
) {
  return event('track', occurredAt, properties === undefined ? { name } : { name, properties })
}

export function engagement(
  kind: 'click' | 'open',
  occurredAt: number,
  payload: Partial<EngagementPayload> = {},
  customerId = 'ada',
): LogRecord<EngagementPayload> {
  return { ...event('track', occurredAt, {}, customerId), kind, payload: { messageId: 'm1', ...payload } }
}

export function customer(since: number | string = 0, customerId = 'ada'): Customer {
  const profile = newProfile(typeof since === 'string' ? at(since) : since)
  return { workspace, customerId, version: 0, mergedInto: null, profile }
}

/** Real SQLite stores in folders of their own, gone after each test. */
export function useStores(): () => Promise<Store> {
  const opened: { store: Store; folder: string }[] = []
  afterEach(async () => {
    for (const { store, folder } of opened.splice(0)) {
      await store.close()
      rmSync(folder, { recursive: true })
    }
  })
  return async () => {
    const folder = mkdtempSync(join(tmpdir(), 'starling-profile-'))
    const store = await openTestStore(folder)
    opened.push({ store, folder })
    return store
  }
}

/** One transaction of the workspace. */
export function write<T>(store: Store, work: (db: WorkspaceDb) => Promise<T>): Promise<T> {
  return store.transaction((tx) => work(tx.workspace(workspace)))
}
