import type { WorkspaceDb } from '#platform/store/store.ts'
import { waitingFor } from './dispatch/dispatcher.ts'

/** Messages that stand in line for a provider, or for one domain of it. */
export interface WaitingLine {
  /** `ses-eu`, or `ses-eu gmail.com`. */
  line: string
  messages: number
  /** Injected clock: when the first and the last of them are expected to go. */
  nextAt: number
  expectedAt: number
}

export async function waitingLines(db: WorkspaceDb): Promise<WaitingLine[]> {
  const rows = await db
    .selectFrom('messages')
    .select((eb) => [
      'messages.reason',
      eb.fn.countAll<number>().as('messages_count'),
      eb.fn.min<number>('messages.due_at').as('next_at'),
      eb.fn.max<number>('messages.due_at').as('expected_at'),
    ])
    .where('messages.state', '=', 'queued')
    .where('messages.reason', 'like', `${waitingFor}%`)
    .groupBy('messages.reason')
    .orderBy('messages.reason')
    .execute()
  return rows.map((row) => ({
    line: row.reason.slice(waitingFor.length),
    messages: Number(row.messages_count),
    nextAt: Number(row.next_at),
    expectedAt: Number(row.expected_at),
  }))
}
