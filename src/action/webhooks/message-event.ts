import type { InstantMs } from '#contracts/clock.ts'

/** What other systems may be told of a message. */
export const messageEventTypes = [
  'message.sent',
  'message.delivered',
  'message.bounced',
  'message.complained',
  'message.opened',
  'message.clicked',
  'message.unsubscribed',
  'message.failed',
] as const
export type MessageEventType = (typeof messageEventTypes)[number]

export interface MessageEvent {
  type: MessageEventType
  messageId: string
  /** Tells two events of one type and message apart: an outcome's id, an attempt's number. */
  key: string
  at: InstantMs
  reason?: string
}

/** Something that happened to a message, as outcomes and providers' reports have it. */
export interface Happened {
  kind: string
  messageId: string
  key: string
  at: InstantMs
  reason?: string
}

/** The kinds that are told; what a link scanner did is not. */
const typeOfKind: Record<string, MessageEventType> = {
  delivered: 'message.delivered',
  'soft-bounce': 'message.bounced',
  'hard-bounce': 'message.bounced',
  complaint: 'message.complained',
  open: 'message.opened',
  click: 'message.clicked',
  unsubscribe: 'message.unsubscribed',
  sent: 'message.sent',
  failed: 'message.failed',
}

/** The events that these are; of no message, or of a kind that nobody is told: none. */
export function messageEventsOf(happened: readonly Happened[]): MessageEvent[] {
  return happened.flatMap(({ kind, ...event }) => {
    const type = typeOfKind[kind]
    return type === undefined || event.messageId === '' ? [] : [{ ...event, type }]
  })
}
