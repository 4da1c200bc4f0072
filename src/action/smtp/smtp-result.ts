import type { SendResult } from '#contracts/message.ts'
import type { SmtpError, SmtpOutcome } from './smtp-session.ts'

/** How long to leave a server alone that says "too many". */
const throttledRetryAfterMs = 60_000

/**
 * What an SMTP attempt came to (RFC 5321 section 4.2, RFC 3463 for the enhanced codes).
 *
 * A reply is certain: 2xx is theirs now, 4xx and 5xx mean they did not take it, also after the text
 * (section 4.2.5). Without a reply, what matters is whether the text had begun: before it nothing can have
 * been sent, after it we cannot know.
 */
export function smtpResult(outcome: SmtpOutcome): SendResult {
  if (outcome.kind === 'accepted') return { kind: 'sent', providerMessageId: queueIdOf(outcome.response) }
  const { error, bodyBegan } = outcome
  const code = replyCode(error)
  if (code === null) {
    if (bodyBegan) return { kind: 'unknown', reason: `smtp_no_answer: ${shortOf(error)}` }
    return withoutReply(error)
  }
  if (isAboutUs(error, code)) {
    const reason = `smtp_${code}: ${shortOf(error)}`
    return isAccount(error, code)
      ? { kind: 'transient', reason, ofProvider: true }
      : { kind: 'transient', reason }
  }
  if (code >= 500) {
    return {
      kind: 'permanent',
      reason: `smtp_${code}: ${shortOf(error)}`,
      suppress: isBadMailbox(error, code),
    }
  }
  if (code >= 400) {
    if (code === 421) return { kind: 'throttled', retryAfterMs: throttledRetryAfterMs }
    // An answer to the recipient speaks for his domain: a relay passes on what the other side told it.
    if (isRateLimit(error)) {
      const ofDomain = error.command === 'RCPT TO' ? ({ ofDomain: true } as const) : {}
      return { kind: 'throttled', retryAfterMs: throttledRetryAfterMs, ...ofDomain }
    }
    return { kind: 'transient', reason: `smtp_${code}: ${shortOf(error)}` }
  }
  // A 2xx or 3xx where the client expected another: a broken server. Uncertain once the text had begun.
  return bodyBegan
    ? { kind: 'unknown', reason: `smtp_unexpected_${code}` }
    : { kind: 'transient', reason: `smtp_unexpected_${code}` }
}

/**
 * The reply's code. A reply cut off by the end of the connection counts only as 421, by which a server
 * announces just that.
 */
function replyCode(error: SmtpError): number | null {
  const code = error.responseCode
  if (code === undefined || !Number.isInteger(code)) return null
  const cutOff = ['ECONNECTION', 'ESOCKET', 'ETIMEDOUT'].includes(error.code ?? '')
  return cutOff && code !== 421 ? null : code
}

/** Log-in required or refused (RFC 4954): every message fares alike until a person mends it. */
function isAccount(error: SmtpError, code: number): boolean {
  return error.code === 'EAUTH' || (code >= 530 && code <= 538)
}

/** Greeting, EHLO, STARTTLS, log-in: it says nothing about the message or its recipient. */
function isAboutUs(error: SmtpError, code: number): boolean {
  if (code === 503 || (code >= 530 && code <= 538)) return true
  if (error.code === 'EAUTH' || error.code === 'ETLS') return true
  return code >= 500 && !['MAIL FROM', 'RCPT TO', 'DATA'].includes(error.command ?? '')
}

function withoutReply(error: SmtpError): SendResult {
  // nodemailer refuses these itself: an address or a size that the protocol cannot carry.
  if (error.code === 'EENVELOPE')
    return { kind: 'permanent', reason: `bad_address: ${shortOf(error)}`, suppress: false }
  if (error.code === 'EMESSAGE')
    return { kind: 'permanent', reason: `too_large: ${shortOf(error)}`, suppress: false }
  return { kind: 'transient', reason: `smtp_unreachable: ${shortOf(error)}` }
}

/** 5.1.1 no such mailbox, 5.1.2 no such domain, 5.1.6 moved, 5.1.10 takes no mail, 5.2.1 disabled. */
const badMailboxCodes = new Set(['5.1.1', '5.1.2', '5.1.6', '5.1.10', '5.2.1'])
const badMailboxWords =
  /(user|recipient|mailbox|address|account)s?\b.{0,40}\b(unknown|not found|unavailable|does not exist|doesn't exist|disabled|rejected: undeliverable)|no such (user|recipient|mailbox|address|account)|unknown (user|recipient|mailbox)|invalid (recipient|mailbox)/i

/** Only an answer to the recipient condemns the address; a policy (5.7.x) or spam verdict does not. */
function isBadMailbox(error: SmtpError, code: number): boolean {
  const enhanced = enhancedCode(error)
  if (enhanced !== null) return badMailboxCodes.has(enhanced)
  return (
    [550, 551, 553].includes(code) &&
    error.command === 'RCPT TO' &&
    badMailboxWords.test(error.response ?? '')
  )
}

function isRateLimit(error: SmtpError): boolean {
  return (
    /too many|rate|throttl|slow down|try again later/i.test(error.response ?? '') &&
    /^4\.[37]\./.test(enhancedCode(error) ?? '4.7.')
  )
}

function enhancedCode(error: SmtpError): string | null {
  return /^\d{3}[ -](\d\.\d{1,3}\.\d{1,3})\b/.exec(error.response ?? '')?.[1] ?? null
}

/** What the server calls it: `250 2.0.0 OK: queued as ABC` gives `ABC`. */
function queueIdOf(response: string): string {
  return /queued as[: ]+(\S+)/i.exec(response)?.[1] ?? response.slice(0, 200)
}

function shortOf(error: SmtpError): string {
  return (error.response ?? error.message).replace(/\s+/g, ' ').slice(0, 160)
}
