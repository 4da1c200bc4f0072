import { createHmac, hash, timingSafeEqual } from 'node:crypto'
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
  /** The links of a sender of this domain: a mail whose links lead to its own sender's is trusted more. */
  ofSender(domain: string): Links
  unsubscribeUrl(workspace: string, messageId: string): string
  preferencesUrl(workspace: string, messageId: string): string
  /** Where a customer says yes to a topic a second time (double opt-in). */
  confirmUrl(target: ConfirmTarget): string
  clickUrl(workspace: string, messageId: string, url: string): string
  openUrl(workspace: string, messageId: string): string
  /** Where a mail comes back to: an address of its own for each message (VERP). */
  bounceAddress(address: string, messageId: string): string
  /** What a token from a link names, or null when it is damaged or not ours. */
  verifyUnsubscribe(token: string): LinkTarget | null
  verifyPreferences(token: string): LinkTarget | null
  verifyConfirm(token: string): ConfirmTarget | null
  verifyClick(token: string): (LinkTarget & { url: string }) | null
  verifyOpen(token: string): LinkTarget | null
  /** Whether this leads to a page of ours on which the customer says something. */
  isOwnPage(url: string): boolean
  /** The message's id in an address that a mail came back to, or null where it is not one of ours. */
  verifyBounce(address: string): string | null
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
export function createLinks({
  secret,
  baseUrl,
  senderUrls = {},
}: {
  secret: string
  baseUrl: string
  /** By domain of the sender, where its mails' links begin instead of at `baseUrl`. */
  senderUrls?: Readonly<Record<string, string>>
}): Links {
  if (Buffer.byteLength(secret) < secretBytesMin)
    throw new Error(`a link secret has at least ${secretBytesMin} bytes`)
  const base = baseUrl.replace(/\/+$/, '')
  const signatureOf = createSigner(secret)

  const bySender = new Map(
    Object.entries(senderUrls).map(([domain, own]) => [domain, createLinks({ secret, baseUrl: own })]),
  )

  const url = (kind: LinkKind, parts: string[]): string => {
    const payload = Buffer.from(JSON.stringify(parts)).toString('base64url')
    return `${base}${linkPaths[kind]}${payload}.${signatureOf(kind, payload)}`
  }
  const verify = (kind: LinkKind, token: string, length: number): string[] | null => {
    if (token.length > tokenCharactersMax) return null
    const [payload, signature, ...more] = token.split('.')
    if (payload === undefined || signature === undefined || more.length > 0) return null
    const given = Buffer.from(signature, 'base64url')
    const expected = Buffer.from(signatureOf(kind, payload), 'base64url')
    if (given.length !== expected.length || !timingSafeEqual(given, expected)) return null
    const parts = JSON.parse(Buffer.from(payload, 'base64url').toString()) as string[]
    return parts.length === length ? parts : null
  }
  const target = (parts: string[] | null): LinkTarget | null =>
    parts === null ? null : { workspace: parts[0]!, messageId: parts[1]! }

  return {
    ofSender(domain) {
      return bySender.get(domain.toLowerCase()) ?? this
    },
    unsubscribeUrl: (workspace, messageId) => url('unsubscribe', [workspace, messageId]),
    preferencesUrl: (workspace, messageId) => url('preferences', [workspace, messageId]),
    confirmUrl: ({ workspace, customerId, channel, topic }) =>
      url('confirm', [workspace, customerId, channel, topic]),
    clickUrl: (workspace, messageId, to) => url('click', [workspace, messageId, to]),
    openUrl: (workspace, messageId) => url('open', [workspace, messageId]),
    bounceAddress(address, messageId) {
      const at = address.lastIndexOf('@')
      const token = `${messageId}-${bounceSignature(secret, messageId)}`
      return `${address.slice(0, at)}+${token}${address.slice(at)}`
    },
    verifyBounce(address) {
      const [, messageId = '', signature = ''] = bouncePattern.exec(address) ?? []
      const given = Buffer.from(signature.toLowerCase())
      const expected = Buffer.from(bounceSignature(secret, messageId.toLowerCase()))
      return given.length === expected.length && timingSafeEqual(given, expected)
        ? messageId.toLowerCase()
        : null
    },
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

/** On their way addresses lose their case. A local part has 64 characters at most: 49 of them are the token's. */
const bouncePattern = /\+([0-9a-f]{32})-([0-9a-f]{16})@/i

function bounceSignature(secret: string, messageId: string): string {
  return createHmac('sha256', secret).update(`bounce\u0000${messageId}`).digest('hex').slice(0, 16)
}

/** SHA-256 works on blocks of so many bytes and makes so many. */
const blockBytes = 64
const digestBytes = 32
/** Of one of a string's characters. */
const utf8BytesMax = 3

/**
 * HMAC-SHA256 (RFC 2104) of kind and payload, in base64url. The key's two pads are laid out once: a mail has a
 * dozen links, and Node's own `createHmac` alone takes longer than the whole link so.
 */
function createSigner(secret: string): (kind: LinkKind, payload: string) => string {
  const given = Buffer.from(secret)
  const key = Buffer.alloc(blockBytes)
  ;(given.length > blockBytes ? hash('sha256', given, 'buffer') : given).copy(key)
  const inner = Buffer.alloc(blockBytes + tokenCharactersMax * utf8BytesMax)
  const outer = Buffer.alloc(blockBytes + digestBytes)
  for (const [i, byte] of key.entries()) {
    inner[i] = byte ^ 0x36
    outer[i] = byte ^ 0x5c
  }
  return (kind, payload) => {
    const text = `${kind}\u0000${payload}`
    const message =
      text.length <= tokenCharactersMax
        ? inner.subarray(0, blockBytes + inner.write(text, blockBytes, 'utf8'))
        : Buffer.concat([inner.subarray(0, blockBytes), Buffer.from(text, 'utf8')])
    hash('sha256', message, 'buffer').copy(outer, blockBytes)
    return hash('sha256', outer, 'base64url')
  }
}
