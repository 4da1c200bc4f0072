import type { SendResult } from '#contracts/message.ts'
import { bindRefused, hex, type SmppOutcome } from './smpp-client.ts'

/** SMPP 3.4, 5.1.3: what a `submit_sm_resp` may say. */
const throttledBy = new Set([0x58, 0x14])
/** The destination: wrong address, wrong type, wrong plan. */
const badNumber = new Set([0x0b])
/** A fault of theirs that passes: of the system, of this request, of an application, unknown. */
const passing = new Set([0x08, 0x45, 0x64, 0xff])
/** About us: not bound, bound already, a wrong source, password, name or service. */
const aboutUs = new Set([0x04, 0x05, 0x0a, 0x0d, 0x0e, 0x0f, 0x15, 0x48, 0x49])
const throttledMs = 1000

export function smppResult(outcome: SmppOutcome): SendResult {
  if (outcome.kind === 'failed') {
    if (outcome.written) return { kind: 'unknown', reason: `smpp_no_answer: ${outcome.reason}` }
    const reason = `smpp_unreachable: ${outcome.reason}`
    return {
      kind: 'transient',
      reason,
      ...(outcome.reason.startsWith(bindRefused) ? { ofProvider: true } : {}),
    }
  }
  const { status, messageId } = outcome
  if (status === 0) return { kind: 'sent', providerMessageId: messageId }
  if (throttledBy.has(status)) return { kind: 'throttled', retryAfterMs: throttledMs }
  const reason = `smpp_${hex(status)}`
  if (passing.has(status)) return { kind: 'transient', reason }
  if (aboutUs.has(status)) return { kind: 'transient', reason, ofProvider: true }
  return { kind: 'permanent', reason, suppress: badNumber.has(status) }
}
