import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Clock } from '#contracts/clock.ts'
import { selectDueForClaim } from '#platform/store/claim.ts'
import type { RowOf, Store, StoreTransaction, WorkspaceDb } from '#platform/store/store.ts'
import { type ClaimParts, claimMessages } from '../../action/claim-messages.ts'
import type { Dispatcher } from '../../action/dispatch/dispatcher.ts'
import type { Provider } from '../../action/open-channels.ts'
import { saveChanges } from '../../action/save-changes.ts'
import type { GuardrailRunner } from '../../guardrails/run/evaluate.ts'
import { createClaimFacts, type SendFacts } from '../claim-facts.ts'
import { openExposures } from '../open-exposures.ts'
import type { WorkspaceContexts } from '../workspace-context.ts'
import type { RecordedTransition } from './recording.ts'

type MessageRow = RowOf<'messages'>

/** The sender of a rehearsal: its gate is the real one, its providers take everything and send nothing. */
export interface SimulatedSender {
  /** Asks the gate about these queued messages; where `onlyDue`, about those alone that are due. */
  claim(messageIds: readonly string[], onlyDue: boolean): Promise<void>
  /** What recorded history says became of these, where the rehearsal has them in a state before. */
  follow(transitions: readonly RecordedTransition[]): Promise<void>
  /** Claims what is due and not left to the recording, and sends it. Returns how many were claimed. */
  sendDue(isRecorded: (messageId: string) => boolean): Promise<number>
}

const claimsAtOnce = 500

export function createSimulatedSender({
  store,
  workspace,
  contexts,
  clock,
  guardrails,
  mailFrom,
}: {
  store: Store
  workspace: string
  contexts: WorkspaceContexts
  clock: Clock
  guardrails: GuardrailRunner
  mailFrom: string
}): SimulatedSender {
  const claimParts: Omit<ClaimParts<SendFacts>, 'due'> = {
    facts: createClaimFacts(contexts, { defaultFrom: mailFrom }),
    guardrails,
    channels: { real: new Map(), outbox: nobody, close: async () => {} },
    dispatcher: anyTime,
    clock,
    wallClock: clock,
    owner: 'rehearsal',
    leaseMs: 60_000,
  }
  const claimed = async (tx: StoreTransaction, due: NonNullable<ClaimParts<SendFacts>['due']>) => {
    const result = await claimMessages(tx, workspace, claimsAtOnce, { ...claimParts, due }, [])
    return result
  }
  return {
    async claim(messageIds, onlyDue) {
      await store.transaction(
        (tx) => claimed(tx, (db, { now }) => queued(db, messageIds, onlyDue ? now : null)),
        { durable: 'later' },
      )
    },
    async follow(transitions) {
      const now = clock.now()
      await store.transaction(
        async (tx) => {
          const db = tx.workspace(workspace)
          const rows = await loadMessages(
            db,
            transitions.map(({ messageId }) => messageId),
          )
          const changes = transitions.flatMap((transition) => {
            const row = rows.get(transition.messageId)
            const next = row === undefined ? null : afterTransition(row, transition, now)
            return row === undefined || next === null ? [] : [{ from: row.state, row: next }]
          })
          await saveChanges(db, changes, now)
          const sent = changes.map(({ row }) => row).filter(({ state }) => state === 'sent')
          if (sent.length > 0) await openExposures(db, sent, now)
        },
        { durable: 'later' },
      )
    },
    async sendDue(isRecorded) {
      let taken = 0
      for (;;) {
        const now = clock.now()
        const sent = await store.transaction(
          async (tx) => {
            const result = await claimed(tx, async (db, due) => {
              // Those left to the recording are few and stay due: asked for with the others, they are left out.
              const all = await selectDueForClaim(db, { now: due.now, limit: Number.MAX_SAFE_INTEGER })
              return all.filter(({ message_id }) => !isRecorded(message_id)).slice(0, due.limit)
            })
            const rows = result.claimed.map(({ message }) => message)
            const done = rows.map((row) => ({ ...row, state: 'sent' as const, state_at: now }))
            const db = tx.workspace(workspace)
            await saveChanges(
              db,
              done.map((row) => ({ from: 'sending' as const, row })),
              now,
            )
            if (done.length > 0) await openExposures(db, done, now)
            return result.taken
          },
          { durable: 'later' },
        )
        taken += sent
        if (sent < claimsAtOnce) return taken
        await nextTurn()
      }
    },
  }
}

async function queued(
  db: WorkspaceDb,
  messageIds: readonly string[],
  dueAt: number | null,
): Promise<MessageRow[]> {
  let rows = db
    .selectByKeys('messages', 'message_id', messageIds)
    .selectAll('messages')
    .where('messages.state', '=', 'queued')
  if (dueAt !== null) rows = rows.where('messages.due_at', '<=', dueAt)
  // As the sender takes them.
  return await rows
    .orderBy('messages.transactional', 'desc')
    .orderBy('messages.due_at')
    .orderBy('messages.message_id')
    .execute()
}

async function loadMessages(
  db: WorkspaceDb,
  messageIds: readonly string[],
): Promise<Map<string, MessageRow>> {
  const rows = await db.selectByKeys('messages', 'message_id', messageIds).selectAll('messages').execute()
  return new Map(rows.map((row) => [row.message_id, row]))
}

/** Null where it is not in a state from which it can have come there. */
function afterTransition(
  row: MessageRow,
  { state, reason, nextAt }: RecordedTransition,
  now: number,
): MessageRow | null {
  const changed = { ...row, state, reason, state_at: now, lease_owner: '', lease_until: 0 }
  switch (state) {
    case 'sending':
      // Of messages that no campaign decided.
      return row.state === 'queued' ? { ...changed, sending_at: now, attempts: row.attempts + 1 } : null
    case 'sent':
    case 'unknown':
      return row.state === 'sending' || row.state === 'unknown' ? changed : null
    case 'failed':
      return row.state === 'lapsed' ? null : changed
    case 'lapsed':
      return row.state === 'queued' ? changed : null
    case 'queued':
      // When it is tried again is told by when it was.
      return row.state === 'queued' || row.state === 'sending' || row.state === 'failed'
        ? { ...changed, sending_at: null, due_at: nextAt ?? row.due_at }
        : null
  }
}

const nobody: Provider = {
  id: 'rehearsal',
  weight: 1,
  resends: false,
  async send() {
    throw new Error('a rehearsal sends nothing')
  },
  async close() {},
}

const anyTime: Dispatcher = {
  async prepare() {},
  choose: () => ({
    kind: 'go',
    turn: { provider: nobody, send: nobody.send, giveBack() {}, elsewhere: () => false },
  }),
  restore() {},
  states: () => [],
}
