import { createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto'
import { type Finding, finding, type ResolveTxt, tagsOf } from './finding.ts'

/** A key that signs mails of a domain; `privateKey` (PEM) where it is ours. */
export interface DkimKey {
  domain: string
  selector: string
  privateKey?: string
}

/** RFC 8301: shorter ones are not to be believed; RSA of 2048 bits is what receivers ask for. */
const rsaBitsMin = 1024
const rsaBitsWanted = 2048

/** Whether receivers find the key that mails of the domain are signed with, and whether it is ours. */
export async function checkDkim(
  { domain, selector, privateKey }: DkimKey,
  resolve: ResolveTxt,
): Promise<Finding> {
  const name = `${selector}._domainkey.${domain}`
  const about = `DKIM of ${domain}, selector ${selector}`
  const records = await resolve(name)
  const record = records.find((text) => tagsOf(text).has('p'))
  if (record === undefined)
    return finding(
      'fault',
      about,
      `no TXT record at ${name} holds a key: publish the public half of yours there`,
    )
  const tags = tagsOf(record)
  if (tags.has('v') && tags.get('v') !== 'DKIM1')
    return finding('fault', about, `its version is ${tags.get('v')}: it has to begin with v=DKIM1`)
  const key = publicKeyOf(tags)
  if (key === 'revoked') return finding('fault', about, 'its key is empty: it was revoked, publish a new one')
  if (key === null)
    return finding('fault', about, 'its key cannot be read: p= holds the public key in base64')
  if (privateKey !== undefined && !isPair(privateKey, key))
    return finding('fault', about, 'it is not the public half of the key that we sign with')
  const bits = key.asymmetricKeyDetails?.modulusLength
  if (bits !== undefined && bits < rsaBitsMin)
    return finding('fault', about, `its key has ${bits} bits: receivers believe none under ${rsaBitsMin}`)
  if (bits !== undefined && bits < rsaBitsWanted)
    return finding('warning', about, `its key has ${bits} bits: take ${rsaBitsWanted}`)
  if ((tags.get('t') ?? '').split(':').includes('y'))
    return finding('warning', about, 'it says that it is a test (t=y): receivers may not count it')
  return finding('ok', about, bits === undefined ? 'an Ed25519 key' : `an RSA key of ${bits} bits`)
}

function publicKeyOf(tags: Map<string, string>): KeyObject | 'revoked' | null {
  const base64 = (tags.get('p') ?? '').replace(/\s+/g, '')
  if (base64 === '') return 'revoked'
  const bytes = Buffer.from(base64, 'base64')
  try {
    // Ed25519 (RFC 8463) is published as its 32 bytes alone.
    if (tags.get('k') === 'ed25519')
      return createPublicKey({
        key: { kty: 'OKP', crv: 'Ed25519', x: bytes.toString('base64url') },
        format: 'jwk',
      })
    return createPublicKey({ key: bytes, format: 'der', type: 'spki' })
  } catch {
    return null
  }
}

function isPair(privateKey: string, published: KeyObject): boolean {
  try {
    const own = createPublicKey(createPrivateKey(privateKey))
    return own.equals(published)
  } catch {
    return false
  }
}
