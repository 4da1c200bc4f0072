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

/**
 * A decision's id begins with the day of what triggered it (`dayUtcOf(receivedAt)`, four hex digits, until
 * the year 2149): rows with such keys are written side by side however many customers there are, and the
 * partition of a decision follows from its id.
 */
export function decisionIdOf(
  workspace: string,
  customerId: string,
  trigger: DecisionTrigger,
  dayUtc: number,
): string {
  const id = stableId(workspace, customerId, trigger.kind, trigger.triggerId, String(trigger.step))
  return onDay(id, dayUtc)
}

/** The id that the same trigger gives a decision on another day. */
export function onDay(decisionId: string, dayUtc: number): string {
  return `${dayUtc.toString(16).padStart(dayDigits, '0')}${decisionId.slice(dayDigits)}`
}

/** Begins as its decision's id does. */
export function messageIdOf(decisionId: string, rank: number): string {
  return `${decisionId.slice(0, dayDigits)}${stableId(decisionId, String(rank)).slice(dayDigits)}`
}

const dayDigits = 4

/** A stable number in [0, 1) from parts: arms and holdouts. 48 bits of the hash. */
export function stableShare(...parts: string[]): number {
  return Number.parseInt(stableId(...parts).slice(0, 12), 16) / 2 ** 48
}

/** Days since the epoch, UTC. */
export function dayUtcOf(instantMs: number): number {
  return Math.floor(instantMs / 86_400_000)
}
