import type { CallbackFact, CallbackSource } from '#contracts/delivery.ts'
import type { StoreScope } from '#platform/store/store.ts'
import {
  type MessageTarget,
  messagesById,
  messagesByProviderId,
  messagesToNumber,
} from '../../action/message-targets.ts'
import { replyWord } from '../../action/reply-word.ts'
import { listWorkspaces } from '../../campaign/workspaces.ts'

/** A fact with the workspace and the message that it is about; a reply's may be the newest to that number. */
export interface Targeted {
  workspace: string
  fact: CallbackFact
  target: MessageTarget | null
}

/**
 * Of which workspace and message each fact is. A provider's account serves all workspaces, and ids of messages
 * are hashes: each is in one of them at most. A text message that says yes or no to further ones counts in
 * every workspace, since the sender's number is theirs in common.
 */
export async function findTargets(
  scope: StoreScope,
  { channel }: CallbackSource,
  facts: readonly CallbackFact[],
): Promise<{ targeted: Targeted[]; unknown: number }> {
  const targeted: Targeted[] = []
  const found = new Set<CallbackFact>()
  const replies = facts.filter(({ kind, address }) => kind === 'reply' && address !== '')
  const others = facts.filter(({ kind }) => kind !== 'reply')
  for (const { workspace } of await listWorkspaces(scope)) {
    const db = scope.workspace(workspace)
    const missing = others.filter(
      (fact) => !found.has(fact) && (fact.onlyIn === undefined || fact.onlyIn === workspace),
    )
    const byId = await messagesById(db, idsOf(missing, 'messageId'))
    const byProvider = await messagesByProviderId(db, idsOf(missing, 'providerMessageId'))
    for (const fact of missing) {
      const target = byId.get(fact.messageId) ?? byProvider.get(fact.providerMessageId)
      if (target === undefined || target.channel !== channel) continue
      if (fact.onlyIn !== undefined && !isSameAddress(fact.address, target.address)) continue
      targeted.push({ workspace, fact, target })
      found.add(fact)
    }
    for (const fact of replies) {
      const [newest = null] = await messagesToNumber(db, fact.address)
      if (newest === null && replyWord(fact.reason) === null) continue
      targeted.push({ workspace, fact, target: newest })
      found.add(fact)
    }
  }
  return { targeted, unknown: facts.length - found.size }
}

function isSameAddress(a: string, b: string): boolean {
  return a.trim().toLowerCase() === b.trim().toLowerCase()
}

function idsOf(facts: readonly CallbackFact[], key: 'messageId' | 'providerMessageId'): string[] {
  return [...new Set(facts.map((fact) => fact[key]).filter((id) => id !== ''))]
}
