import { hash } from 'node:crypto'
import type { DecisionTrigger } from '#contracts/decision.ts'

/**
 * Ids are hashes of what they stand for, so that a batch that runs again makes the same ones. 128 bits as
 * 32 hex digits; parts are joined by NUL, which no part may hold.
 */
export function stableId(...parts: string[]): string {
  return hash('sha256', parts.join('\u0000'), 'hex').slice(0, 32)
}

export function customerIdOf(workspace: string, kind: 'user' | 'anonymous', externalId: string): string {
  return stableId(workspace, kind, externalId)
}

export function decisionIdOf(workspace: string, customerId: string, trigger: DecisionTrigger): string {
  return stableId(workspace, customerId, trigger.kind, trigger.triggerId, String(trigger.step))
}

export function messageIdOf(decisionId: string, rank: number): string {
  return stableId(decisionId, String(rank))
}

/** A stable number in [0, 1) from parts: arms and holdouts. 48 bits of the hash. */
export function stableShare(...parts: string[]): number {
  return Number.parseInt(stableId(...parts).slice(0, 12), 16) / 2 ** 48
}

/** Days since the epoch, UTC. */
export function dayUtcOf(instantMs: number): number {
  return Math.floor(instantMs / 86_400_000)
}
