import type { Clock } from '#contracts/clock.ts'
import type { Store } from '#platform/store/store.ts'
import { loadSegments } from '../campaign/document-rows.ts'
import { type Audience, audiencePage, audienceSize } from '../profile/audience.ts'
import { loadCustomers } from '../profile/customer-rows.ts'

interface Parts {
  store: Store
  clock: Clock
}

export type SegmentAnswer<T> =
  | { kind: 'found'; answer: T }
  | { kind: 'unknown' }
  /** Its condition has more parts than the store is asked for at once. */
  | { kind: 'too-large' }

export interface SegmentMember {
  customerId: string
  /** '' where none is known. */
  email: string
}

/** How many customers the segment has now, also such as have sent no event since it was applied. */
export async function countSegment(
  { store, clock }: Parts,
  workspace: string,
  segmentId: string,
): Promise<SegmentAnswer<{ customers: number; asOf: number }>> {
  const db = store.read.workspace(workspace)
  const now = clock.now()
  const audience = await audienceOf(db, segmentId, now)
  if (audience === null) return { kind: 'unknown' }
  const customers = await audienceSize(db, audience)
  return customers === null ? { kind: 'too-large' } : { kind: 'found', answer: { customers, asOf: now } }
}

/** Members by customer id, after `after`; `next` is where to go on, null at the end. */
export async function listSegment(
  { store, clock }: Parts,
  workspace: string,
  segmentId: string,
  { after, limit }: { after: string; limit: number },
): Promise<SegmentAnswer<{ members: SegmentMember[]; next: string | null }>> {
  const db = store.read.workspace(workspace)
  const audience = await audienceOf(db, segmentId, clock.now())
  if (audience === null) return { kind: 'unknown' }
  const customerIds: string[] = []
  let next: string | null = after
  // Of few among many each page is short: some are put together.
  for (let pages = 0; next !== null && customerIds.length < limit && pages < pagesMax; pages++) {
    const page = await audiencePage(db, audience, { after: next, limit: limit - customerIds.length })
    if (page === null) return { kind: 'too-large' }
    customerIds.push(...page.customerIds)
    next = page.next
  }
  const customers = await loadCustomers(db, customerIds)
  const members = customerIds.map((customerId) => ({
    customerId,
    email: customers.get(customerId)?.profile.email ?? '',
  }))
  return { kind: 'found', answer: { members, next } }
}

/** Of 2,000 customers each: an answer looks at 100,000 at most. */
const pagesMax = 50

async function audienceOf(
  db: Parameters<typeof loadSegments>[0],
  segmentId: string,
  now: number,
): Promise<Audience | null> {
  const segments = new Map((await loadSegments(db)).map(({ id, condition }) => [id, condition]))
  return segments.has(segmentId) ? { condition: { segment: segmentId }, segments, now } : null
}
