import { createHmac, timingSafeEqual } from 'node:crypto'
import type { ChannelName } from '#contracts/campaign.ts'

export interface LinkTarget {
  workspace: string
  messageId: string
}

export interface ConfirmTarget {
  workspace: string
  customerId: string
  channel: ChannelName
  topic: string
}

export interface Links {
  unsubscribeUrl(workspace: string, messageId: string): string
  preferencesUrl(workspace: string, messageId: string): string
  /** Where a customer says yes to a topic a second time (double opt-in). */
  confirmUrl(target: ConfirmTarget): string
  clickUrl(workspace: string, messageId: string, url: string): string
  openUrl(workspace: string, messageId: string): string
  /** What a token from a link names, or null when it is damaged or not ours. */
  verifyUnsubscribe(token: string): LinkTarget | null
  verifyPreferences(token: string): LinkTarget | null
  verifyConfirm(token: string): ConfirmTarget | null
  verifyClick(token: string): (LinkTarget & { url: string }) | null
  verifyOpen(token: string): LinkTarget | null
  /** Whether this leads to a page of ours on which the customer says something. */
  isOwnPage(url: string): boolean
}

/** Where the doors serve them; the token follows. */
export const linkPaths = {
  unsubscribe: '/u/',
  preferences: '/p/',
  confirm: '/s/',
  click: '/c/',
  open: '/o/',
} as const
const ownPages = [linkPaths.unsubscribe, linkPaths.preferences, linkPaths.confirm]
type LinkKind = keyof typeof linkPaths

const secretBytesMin = 16
/** Longest token that is looked at: a message may hold long addresses, a request line not much more. */
const tokenCharactersMax = 8192

/**
 * Signed links. A token is base64url(JSON) and base64url(HMAC-SHA256 of kind and payload), joined by a dot:
 * all that is needed stands in it (RFC 8058 posts carry nothing else), and it does not expire.
 */
export function createLinks({ secret, baseUrl }: { secret: string; baseUrl: string }): Links {
  if (Buffer.byteLength(secret) < secretBytesMin)
    throw new Error(`a link secret has at least ${secretBytesMin} bytes`)
  const base = baseUrl.replace(/\/+$/, '')

  const url = (kind: LinkKind, parts: string[]): string => {
    const payload = Buffer.from(JSON.stringify(parts)).toString('base64url')
    return `${base}${linkPaths[kind]}${payload}.${signatureOf(secret, kind, payload).toString('base64url')}`
  }
  const verify = (kind: LinkKind, token: string, length: number): string[] | null => {
    if (token.length > tokenCharactersMax) return null
    const [payload, signature, ...more] = token.split('.')
    if (payload === undefined || signature === undefined || more.length > 0) return null
    const given = Buffer.from(signature, 'base64url')
    const expected = signatureOf(secret, kind, payload)
    if (given.length !== expected.length || !timingSafeEqual(given, expected)) return null
    const parts = JSON.parse(Buffer.from(payload, 'base64url').toString()) as string[]
    return parts.length === length ? parts : null
  }
  const target = (parts: string[] | null): LinkTarget | null =>
    parts === null ? null : { workspace: parts[0]!, messageId: parts[1]! }

  return {
    unsubscribeUrl: (workspace, messageId) => url('unsubscribe', [workspace, messageId]),
    preferencesUrl: (workspace, messageId) => url('preferences', [workspace, messageId]),
    confirmUrl: ({ workspace, customerId, channel, topic }) =>
      url('confirm', [workspace, customerId, channel, topic]),
    clickUrl: (workspace, messageId, to) => url('click', [workspace, messageId, to]),
    openUrl: (workspace, messageId) => url('open', [workspace, messageId]),
    verifyUnsubscribe: (token) => target(verify('unsubscribe', token, 2)),
    verifyPreferences: (token) => target(verify('preferences', token, 2)),
    verifyConfirm(token) {
      const parts = verify('confirm', token, 4)
      if (parts === null) return null
      const [workspace, customerId, channel, topic] = parts as [string, string, ChannelName, string]
      return { workspace, customerId, channel, topic }
    },
    verifyOpen: (token) => target(verify('open', token, 2)),
    verifyClick(token) {
      const parts = verify('click', token, 3)
      return parts === null ? null : { workspace: parts[0]!, messageId: parts[1]!, url: parts[2]! }
    },
    isOwnPage: (url) => ownPages.some((path) => url.startsWith(`${base}${path}`)),
  }
}

function signatureOf(secret: string, kind: LinkKind, payload: string): Buffer {
  return createHmac('sha256', secret).update(`${kind}\u0000${payload}`).digest()
}
