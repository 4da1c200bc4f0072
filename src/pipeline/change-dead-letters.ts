import type { ApiFault } from '#contracts/errors.ts'
import {
  dropDeadLetter,
  type LetterChange,
  listDeadLetters,
  retryDeadLetter,
} from '../action/dead-letters.ts'
import type { MessageRow } from '../action/message-rows.ts'
import { audit, type Change, type ChangeParts } from './change-workspace.ts'

export type LetterStep = 'retry' | 'drop'

/** Small: everybody who writes waits for one transaction of these. */
const lettersPerCall = 200

export interface LettersChanged {
  changed: MessageRow[]
  refused: { messageId: string; fault: ApiFault }[]
  /** More open ones fit the filter: call again. */
  more: boolean
}

/**
 * An operator retries dead letters, or drops them: those named, or the oldest open ones (of a provider). Each by
 * itself: one that cannot be does not hold up the others.
 */
export async function changeDeadLetters(
  { store, clock }: ChangeParts,
  change: Change & { step: LetterStep; note: string } & ({ ids: string[] } | { provider?: string }),
): Promise<LettersChanged> {
  return store.transaction(async (tx) => {
    const { workspace, step, actor, note } = change
    const db = tx.workspace(workspace)
    const now = clock.now()
    const found = 'ids' in change ? [...new Set(change.ids)] : await openIds()
    // In one order for all, so that two of these never hold what the other wants.
    const ids = found.slice(0, lettersPerCall).sort()
    const result: LettersChanged = { changed: [], refused: [], more: found.length > ids.length }
    const letter: LetterChange = { actor, note, now }
    for (const messageId of ids) {
      const done = await (step === 'retry' ? retryDeadLetter : dropDeadLetter)(db, messageId, letter)
      if ('code' in done) result.refused.push({ messageId, fault: done })
      else result.changed.push(done)
    }
    const target = ids.length === 1 ? ids[0]! : `${result.changed.length} dead letters`
    if (result.changed.length > 0) await audit(tx, change, now, `dead-letter.${step}`, target, note)
    return result

    async function openIds(): Promise<string[]> {
      const { provider } = change as { provider?: string }
      const filter = { state: 'open' as const, limit: lettersPerCall + 1 }
      const rows = await listDeadLetters(db, provider === undefined ? filter : { ...filter, provider })
      return rows.map((row) => row.message_id)
    }
  })
}
