import { createHash, createPrivateKey, type KeyObject, sign } from 'node:crypto'

/** Whose mails are signed, and under which name the public key stands in the DNS: `selector._domainkey.domain`. */
export interface DkimKey {
  /** Mails from this domain and the domains under it. */
  domain: string
  selector: string
  /** PEM of an RSA key (rsa-sha256) or an Ed25519 key (ed25519-sha256, RFC 8463). */
  privateKey: string
}

export interface DkimSigner {
  /** The mail with a `DKIM-Signature` for each key of the domain that it is from. */
  sign(from: string, mail: Buffer): Promise<Buffer>
}

const rsaBitsMin = 1024

/**
 * Signs by RFC 6376, relaxed/relaxed, over every header of ours: each named once, and From once more than it is
 * there, so that nobody can add a second one (section 8.15).
 */
export function createDkimSigner(keys: readonly DkimKey[]): DkimSigner {
  const prepared = keys.map(prepare)
  const ofDomain = new Map<string, Prepared[]>()
  return {
    async sign(from, mail) {
      const domain = from.slice(from.lastIndexOf('@') + 1).toLowerCase()
      let own = ofDomain.get(domain)
      if (own === undefined) {
        own = keysFor(prepared, domain)
        ofDomain.set(domain, own)
      }
      if (own.length === 0) return mail
      const bodyAt = mail.indexOf('\r\n\r\n') + 4
      const headers = readHeaders(mail.toString('utf8', 0, bodyAt - 2))
      const bodyHash = createHash('sha256').update(relaxedBody(mail, bodyAt)).digest('base64')
      const signatures = await Promise.all(own.map((key) => signWith(key, headers, bodyHash)))
      return Buffer.concat([Buffer.from(signatures.join('')), mail])
    },
  }
}

interface Prepared {
  domain: string
  key: KeyObject
  /** Up to the body's hash. */
  head: string
  isRsa: boolean
}

function prepare({ domain, selector, privateKey }: DkimKey): Prepared {
  const key = createPrivateKey(privateKey)
  const isRsa = key.asymmetricKeyType === 'rsa'
  const algorithm = isRsa ? 'rsa-sha256' : 'ed25519-sha256'
  const head = `v=1; a=${algorithm}; c=relaxed/relaxed;\r\n d=${domain}; s=${selector};\r\n bh=`
  return { domain: domain.toLowerCase(), key, head, isRsa }
}

/** Those of the longest domain that the sender's is or lies under; of several kinds of key each signs. */
function keysFor(prepared: readonly Prepared[], domain: string): Prepared[] {
  const fitting = prepared.filter((own) => domain === own.domain || domain.endsWith(`.${own.domain}`))
  const longest = Math.max(0, ...fitting.map((own) => own.domain.length))
  return fitting.filter((own) => own.domain.length === longest)
}

interface Header {
  /** Lower case. */
  name: string
  /** As `c=relaxed` reads it, without a line end: `name:value`. */
  relaxed: string
}

/** Relays add and change these. */
const unsigned = new Set(['return-path', 'received', 'dkim-signature', 'bcc', 'comments', 'keywords'])

async function signWith(
  { key, head, isRsa }: Prepared,
  headers: readonly Header[],
  bodyHash: string,
): Promise<string> {
  const signed = headers.filter(({ name }) => !unsigned.has(name))
  // A name stands once for each header of it, counted from the last one (section 5.4.2).
  const names = signed.map(({ name }) => name).reverse()
  const value = `${head}${bodyHash};\r\n h=${foldNames([...names, 'from'])};\r\n b=`
  const canonical = `${signed
    .toReversed()
    .map(({ relaxed }) => `${relaxed}\r\n`)
    .join('')}dkim-signature:${relaxedValue(value)}`
  const data = Buffer.from(canonical, 'utf8')
  // RFC 8463 section 3: Ed25519 signs the hash of the text.
  const signature = isRsa
    ? await signRsa(data, key)
    : sign(null, createHash('sha256').update(data).digest(), key)
  return `DKIM-Signature: ${value}${foldBase64(signature.toString('base64'))}\r\n`
}

function readHeaders(text: string): Header[] {
  return text
    .split(/\r\n(?![ \t])/)
    .filter((line) => line !== '')
    .map((line) => {
      const colon = line.indexOf(':')
      const name = line.slice(0, colon).trimEnd().toLowerCase()
      return { name, relaxed: `${name}:${relaxedValue(line.slice(colon + 1))}` }
    })
}

/** Section 3.4.2: unfolded, runs of white space as one space, none at the ends. */
function relaxedValue(value: string): string {
  return value
    .replaceAll('\r\n', '')
    .replace(/[ \t]+/g, ' ')
    .replace(/^ | $/g, '')
}

const CR = 0x0d
const LF = 0x0a
const SPACE = 0x20
const TAB = 0x09

/** Section 3.4.4: runs of white space as one space, none at the ends of lines, no empty lines at the end. */
function relaxedBody(mail: Buffer, from: number): Buffer {
  const body = Buffer.allocUnsafe(mail.length - from + 2)
  let at = 0
  /** Behind the last line that is not empty. */
  let end = 0
  let pendingSpace = false
  for (let i = from; i < mail.length; i++) {
    const byte = mail[i]!
    if (byte === SPACE || byte === TAB) {
      pendingSpace = true
    } else if (byte === CR && mail[i + 1] === LF) {
      i++
      pendingSpace = false
      const isEmpty = at === 0 || body[at - 1] === LF
      body[at++] = CR
      body[at++] = LF
      if (!isEmpty) end = at
    } else {
      if (pendingSpace) body[at++] = SPACE
      pendingSpace = false
      body[at++] = byte
    }
  }
  return body.subarray(0, end)
}

const lineCharactersMax = 76

function foldNames(names: readonly string[]): string {
  let text = ''
  let column = ' h='.length
  for (const name of names) {
    const word = text === '' ? name : `:${name}`
    if (column + word.length > lineCharactersMax) {
      text += '\r\n '
      column = 1
    }
    text += word
    column += word.length
  }
  return text
}

function foldBase64(text: string): string {
  return text.match(/.{1,72}/g)!.join('\r\n ')
}

/** In another thread: with 2048 bits it is more work than all else that a mail takes. */
function signRsa(data: Buffer, key: KeyObject): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    sign('sha256', data, key, (error, signature) => (error ? reject(error) : resolve(signature)))
  })
}

/** Why mails cannot be signed with this; null where they can. */
export function dkimKeyFault(pem: string): string | null {
  let key: KeyObject
  try {
    key = createPrivateKey(pem)
  } catch {
    return 'is no private key in PEM'
  }
  if (key.asymmetricKeyType === 'ed25519') return null
  if (key.asymmetricKeyType !== 'rsa') return 'must be an RSA or an Ed25519 key'
  const bits = key.asymmetricKeyDetails?.modulusLength ?? 0
  return bits < rsaBitsMin ? `has ${bits} bits; receivers ask for ${rsaBitsMin} or more` : null
}
