import { createDecipheriv, createECDH, hkdfSync, randomBytes } from 'node:crypto'

/** A browser's side of a subscription: its key pair and its secret. */
export interface BrowserKeys {
  /** 65 bytes, uncompressed. */
  publicKey: Buffer
  privateKey: Buffer
  auth: Buffer
}

export function makeBrowserKeys(): BrowserKeys {
  const curve = createECDH('prime256v1')
  const publicKey = curve.generateKeys()
  return { publicKey, privateKey: curve.getPrivateKey(), auth: randomBytes(16) }
}

/**
 * Decrypts a push message by the text of RFC 8291 (section 3.4) and RFC 8188 (sections 2.1 to 2.3), sharing no code
 * with what encrypts: header of salt, record size and the sender's key; one record; padding after a 2.
 */
export function decryptPush(body: Buffer, browser: BrowserKeys): Buffer {
  const salt = body.subarray(0, 16)
  const recordSize = body.readUInt32BE(16)
  const keyLength = body.readUInt8(20)
  const senderKey = body.subarray(21, 21 + keyLength)
  const record = body.subarray(21 + keyLength)
  if (keyLength !== 65) throw new Error(`the sender's key has ${keyLength} bytes`)
  if (record.length > recordSize) throw new Error('more than one record')
  const curve = createECDH('prime256v1')
  curve.setPrivateKey(browser.privateKey)
  const shared = curve.computeSecret(senderKey)
  const keyInfo = Buffer.concat([Buffer.from('WebPush: info\0'), browser.publicKey, senderKey])
  const ikm = Buffer.from(hkdfSync('sha256', shared, browser.auth, keyInfo, 32))
  const key = Buffer.from(hkdfSync('sha256', ikm, salt, 'Content-Encoding: aes128gcm\0', 16))
  const nonce = Buffer.from(hkdfSync('sha256', ikm, salt, 'Content-Encoding: nonce\0', 12))
  const decipher = createDecipheriv('aes-128-gcm', key, nonce)
  decipher.setAuthTag(record.subarray(-16))
  const padded = Buffer.concat([decipher.update(record.subarray(0, -16)), decipher.final()])
  const end = padded.lastIndexOf(2)
  if (end < 0 || padded.subarray(end + 1).some((byte) => byte !== 0)) throw new Error('no padding delimiter')
  return padded.subarray(0, end)
}
