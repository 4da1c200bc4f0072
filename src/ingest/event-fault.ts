import type { EventErrorCode } from '#contracts/errors.ts'

/** Why an event is refused. `field` is a dotted path; empty for the event as a whole. */
export interface EventFault {
  kind: 'fault'
  code: EventErrorCode
  field: string
  detail: string
}

export function eventFault(code: EventErrorCode, field: string, detail: string): EventFault {
  return { kind: 'fault', code, field, detail }
}
