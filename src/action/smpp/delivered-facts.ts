import type { InstantMs } from '#contracts/clock.ts'
import type { CallbackFact, DeliveryKind } from '#contracts/delivery.ts'
import { factOf } from '../callback-parts.ts'
import type { Pdu } from './smpp-library.ts'

/**
 * What a `deliver_sm` tells: a receipt of a message (SMPP 3.4, 5.2.12 and appendix B), or a text message that came
 * in. `key` tells two messages of one number apart.
 */
export function deliveredFacts(pdu: Pdu, now: InstantMs, key: string): CallbackFact[] {
  const text = textOf(pdu)
  const isReceipt = (Number(pdu.esm_class) & messageTypes) === receiptType
  if (!isReceipt) {
    const number = `+${String(pdu.source_addr).replace(/^\+/, '')}`
    return [factOf({ id: key, kind: 'reply', address: number, occurredAt: now, reason: text })]
  }
  const id = stringOf(pdu.receipted_message_id) || (/\bid:\s*(\S+)/i.exec(text)?.[1] ?? '')
  const said = /\bstat:\s*(\w+)/i.exec(text)?.[1]?.toUpperCase() ?? ''
  const state = statesByNumber[Number(pdu.message_state)] ?? said
  const kind = kindOfState[state]
  if (id === '' || kind === undefined) return []
  const error = /\berr:\s*(\w+)/i.exec(text)?.[1] ?? ''
  const reason = error === '' || kind === 'delivered' ? state : `${state} ${error}`
  return [factOf({ id: `${id}:${state}`, kind, providerMessageId: id, occurredAt: now, reason })]
}

const messageTypes = 0x3c
const receiptType = 0x04
/** 5.2.28; 1 is on its way. */
const statesByNumber: Record<number, string> = {
  2: 'DELIVRD',
  3: 'EXPIRED',
  4: 'DELETED',
  5: 'UNDELIV',
  8: 'REJECTD',
}
const kindOfState: Record<string, DeliveryKind> = {
  DELIVRD: 'delivered',
  EXPIRED: 'soft-bounce',
  UNDELIV: 'soft-bounce',
  DELETED: 'failed',
  REJECTD: 'failed',
}

function textOf({ short_message: short, message_payload: payload }: Pdu): string {
  const long = payload as { message?: unknown } | undefined
  const own = long?.message ?? (short as { message?: unknown } | undefined)?.message
  return stringOf(own)
}

function stringOf(value: unknown): string {
  if (Buffer.isBuffer(value)) return value.toString('latin1').replace(/\0+$/, '')
  return typeof value === 'string' ? value.replace(/\0+$/, '') : ''
}
