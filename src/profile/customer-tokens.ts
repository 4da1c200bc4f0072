import { hkdfSync } from 'node:crypto'
import { decodeJwt, errors, jwtVerify, SignJWT } from 'jose'
import type { Clock } from '#contracts/clock.ts'

/** Whom a token stands for: an id of the product's, so that a merge needs no new token. */
export interface TokenHolder {
  workspace: string
  kind: 'user' | 'anonymous'
  externalId: string
}

export type TokenVerdict =
  | { kind: 'holder'; holder: TokenHolder; expiresAtMs: number }
  | { kind: 'refused'; reason: 'damaged' | 'expired' }

export interface CustomerTokens {
  issue(holder: TokenHolder, lifetimeSeconds: number): Promise<{ token: string; expiresAtMs: number }>
  verify(token: string): Promise<TokenVerdict>
}

const audience = 'starling:customer'
const tokenCharactersMax = 4096

/**
 * Tokens by which a browser or an app proves whose inbox and devices it asks for: JWTs signed by HMAC-SHA256
 * (RFC 7519, 7518) with a secret of the workspace, which only this server has. It is derived from the
 * installation's (HKDF, RFC 5869): nothing more to keep, and no workspace's token is another's.
 */
export function createCustomerTokens({
  secret,
  wallClock,
}: {
  secret: string
  wallClock: Clock
}): CustomerTokens {
  const keys = new Map<string, Uint8Array>()
  const keyOf = (workspace: string): Uint8Array => {
    let key = keys.get(workspace)
    if (key === undefined) {
      key = new Uint8Array(hkdfSync('sha256', secret, '', `customer-token\u0000${workspace}`, 32))
      if (keys.size < 1000) keys.set(workspace, key)
    }
    return key
  }
  return {
    async issue({ workspace, kind, externalId }, lifetimeSeconds) {
      const issuedAt = Math.floor(wallClock.now() / 1000)
      const expiresAt = issuedAt + lifetimeSeconds
      const token = await new SignJWT({ ws: workspace, idk: kind })
        .setProtectedHeader({ alg: 'HS256', typ: 'JWT' })
        .setSubject(externalId)
        .setAudience(audience)
        .setIssuedAt(issuedAt)
        .setExpirationTime(expiresAt)
        .sign(keyOf(workspace))
      return { token, expiresAtMs: expiresAt * 1000 }
    },
    async verify(token) {
      if (token.length > tokenCharactersMax) return { kind: 'refused', reason: 'damaged' }
      try {
        // Says which secret to check by; believed only once it has been.
        const workspace = decodeJwt(token).ws
        if (typeof workspace !== 'string' || workspace === '') return { kind: 'refused', reason: 'damaged' }
        const { payload } = await jwtVerify(token, keyOf(workspace), {
          algorithms: ['HS256'],
          audience,
          requiredClaims: ['sub', 'exp'],
          currentDate: new Date(wallClock.now()),
        })
        const { sub: externalId, idk: kind, exp } = payload
        if (typeof externalId !== 'string' || externalId === '' || (kind !== 'user' && kind !== 'anonymous'))
          return { kind: 'refused', reason: 'damaged' }
        return { kind: 'holder', holder: { workspace, kind, externalId }, expiresAtMs: exp! * 1000 }
      } catch (error) {
        return { kind: 'refused', reason: error instanceof errors.JWTExpired ? 'expired' : 'damaged' }
      }
    },
  }
}
