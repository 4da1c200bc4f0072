import type { MessageState } from '#contracts/message.ts'
import type { RowOf, Store, WorkspaceDb } from '#platform/store/store.ts'
import { isDirect } from '../direct-message.ts'
import { type CheckResult, difference } from './difference.ts'
import { eachPage } from './pages.ts'

/** See contracts/message.ts. A message that waits is queued again with another reason. */
const moves: Record<MessageState, readonly MessageState[]> = {
  queued: ['queued', 'sending', 'lapsed'],
  sending: ['queued', 'sent', 'failed', 'unknown'],
  unknown: ['sent', 'failed'],
  sent: [],
  failed: ['queued'],
  lapsed: [],
}

/** States against transitions against attempts, and the decision each message came from. */
export async function checkMessages(store: Store, workspace: string): Promise<CheckResult> {
  const result: CheckResult = { checked: 0, differences: [] }
  await eachPage(store, workspace, 'messages', async (messages, db) => {
    const rows = await loadRows(db, messages)
    for (const message of messages) {
      const id = message.message_id
      const faults = [
        ...historyFaults(message, rows.transitions.get(id) ?? []),
        ...attemptFaults(message, rows.attempts.get(id) ?? [], rows.transitions.get(id) ?? []),
        ...originFaults(message, rows.decisions.get(message.decision_id)),
      ]
      if (message.state === 'sent' && message.transactional === 0 && !rows.exposed.has(message.decision_id)) {
        faults.push('is sent, and no window was opened for it')
      }
      result.differences.push(...faults.map((detail) => difference('messages', id, detail)))
    }
    result.checked += messages.length
  })
  return result
}

async function loadRows(db: WorkspaceDb, messages: RowOf<'messages'>[]) {
  const ids = messages.map((message) => message.message_id)
  const decisionIds = messages.map((message) => message.decision_id)
  const transitions = await db
    .selectByKeys('message_transitions', 'message_id', ids)
    .selectAll('message_transitions')
    .orderBy('message_transitions.sequence')
    .execute()
  const attempts = await db
    .selectByKeys('attempts', 'message_id', ids)
    .selectAll('attempts')
    .orderBy('attempts.attempt')
    .execute()
  const decisions = await db
    .selectByKeys('decisions', 'decision_id', decisionIds)
    .select(['decisions.decision_id', 'decisions.campaign_id', 'decisions.campaign_version'])
    .select(['decisions.treatment_id', 'decisions.variant_id', 'decisions.customer_id'])
    .execute()
  const exposures = await db
    .selectByKeys('exposures', 'decision_id', decisionIds)
    .select('exposures.decision_id')
    .execute()
  return {
    transitions: Map.groupBy(transitions, (row) => row.message_id),
    attempts: Map.groupBy(attempts, (row) => row.message_id),
    decisions: new Map(decisions.map((row) => [row.decision_id, row])),
    exposed: new Set(exposures.map((row) => row.decision_id)),
  }
}

function historyFaults(message: RowOf<'messages'>, history: RowOf<'message_transitions'>[]): string[] {
  const faults: string[] = []
  if (history[0]?.state !== 'queued') faults.push('its history does not begin with queued')
  history.forEach((row, index) => {
    if (row.sequence !== index + 1) faults.push(`its history lacks step ${index + 1}`)
    const before = history[index - 1]?.state as MessageState | undefined
    if (before !== undefined && !moves[before].includes(row.state as MessageState)) {
      faults.push(`went from ${before} to ${row.state}`)
    }
  })
  const last = history.at(-1)?.state
  if (last !== message.state)
    faults.push(`is ${message.state}, and its history ends with ${last ?? 'nothing'}`)
  const holdsSlot = ['sending', 'sent', 'unknown'].includes(message.state)
  if (holdsSlot && message.sending_at === null) faults.push(`is ${message.state} without having taken a slot`)
  return faults
}

function attemptFaults(
  message: RowOf<'messages'>,
  attempts: RowOf<'attempts'>[],
  history: RowOf<'message_transitions'>[],
): string[] {
  const faults: string[] = []
  const claims = history.filter((row) => row.state === 'sending').length
  if (attempts.length !== claims) faults.push(`${claims} claims, and ${attempts.length} attempts`)
  if (attempts.length !== message.attempts) {
    faults.push(`counts ${message.attempts} attempts, and ${attempts.length} are kept`)
  }
  const last = attempts.at(-1)
  const isOpen = last !== undefined && last.ended_at === null
  if (message.state === 'sending' && !isOpen) faults.push('is sending without an attempt under way')
  if (message.state !== 'sending' && isOpen) faults.push(`is ${message.state} with an attempt under way`)
  const wasResolved = history.at(-2)?.state === 'unknown'
  if (message.state === 'sent' && last?.result !== 'sent' && !wasResolved) {
    faults.push(`is sent, and its last attempt ended ${last?.result ?? 'nowhere'}`)
  }
  if (attempts.filter((attempt) => attempt.result === 'sent').length > 1)
    faults.push('was sent more than once')
  return faults
}

function originFaults(
  message: RowOf<'messages'>,
  decision:
    | Pick<
        RowOf<'decisions'>,
        'campaign_id' | 'campaign_version' | 'treatment_id' | 'variant_id' | 'customer_id'
      >
    | undefined,
): string[] {
  if (isDirect(message))
    return message.transactional === 1 ? [] : ['comes from no campaign and is not transactional']
  if (decision === undefined) return ['comes from a decision that is not kept']
  const same =
    decision.campaign_id === message.campaign_id &&
    decision.campaign_version === message.campaign_version &&
    decision.treatment_id === message.treatment_id &&
    decision.variant_id === message.variant_id &&
    decision.customer_id === message.customer_id
  return same ? [] : ['says something else than its decision chose']
}
