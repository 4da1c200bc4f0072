import { gsmOctets, smsParts, ucs2Octets } from '#platform/sms/sms-segments.ts'

export interface SubmitOptions {
  from: string
  /** E.164. */
  to: string
  text: string
  /** `udh`: a request for each part, joined by a header; `payload`: one request with the whole text. */
  longMessages: 'udh' | 'payload'
  /** Joins the parts of one message, 0 to 255. */
  reference: number
}

/** The `submit_sm` requests that a text takes, in their order (SMPP 3.4, 4.4.1). */
export function submitFields(options: SubmitOptions): Record<string, unknown>[] {
  const { from, to, text, longMessages, reference } = options
  const { encoding, parts } = smsParts(text)
  const octets = encoding === 'gsm-7' ? gsmOctets : ucs2Octets
  const common = {
    ...sourceOf(from),
    dest_addr_ton: international,
    dest_addr_npi: isdn,
    destination_addr: to.replace('+', ''),
    data_coding: encoding === 'gsm-7' ? 0 : 8,
  }
  if (parts.length === 1) return [{ ...common, ...receipt, short_message: octets(text) }]
  if (longMessages === 'payload') return [{ ...common, ...receipt, message_payload: octets(text) }]
  return parts.map((part, i) => ({
    ...common,
    // The message is called what its first part is called there.
    ...(i === 0 ? receipt : {}),
    esm_class: udhIndicator,
    // 3GPP TS 23.040, 9.2.3.24.1: concatenation with a reference of 8 bits.
    short_message: Buffer.concat([Buffer.from([5, 0, 3, reference, parts.length, i + 1]), octets(part)]),
  }))
}

/** For success and failure (5.2.17). */
const receipt = { registered_delivery: 1 }
const udhIndicator = 0x40
/** Types of number and numbering plans (SMPP 3.4, 5.2.5 and 5.2.6). */
const international = 1
const networkSpecific = 3
const alphanumeric = 5
const isdn = 1

function sourceOf(from: string): Record<string, unknown> {
  if (from.startsWith('+')) {
    return { source_addr_ton: international, source_addr_npi: isdn, source_addr: from.slice(1) }
  }
  const ton = /^\d{3,8}$/.test(from) ? networkSpecific : alphanumeric
  return { source_addr_ton: ton, source_addr_npi: 0, source_addr: from }
}
