import { importPKCS8, SignJWT } from 'jose'
import type { Clock } from '#contracts/clock.ts'

/** Apple refuses tokens older than an hour, and more than one new one in 20 minutes. */
const renewAfterMs = 40 * 60_000

export interface ProviderToken {
  get(): Promise<string>
  /** The service says that it has expired: our clock may be wrong. */
  forget(): void
}

/** The JWT (ES256) by which Apple knows the sender; one for all messages of 40 minutes. */
export function createProviderToken(
  { teamId, keyId, privateKey }: { teamId: string; keyId: string; privateKey: string },
  wallClock: Clock,
): ProviderToken {
  let kept: { token: Promise<string>; at: number } | null = null
  const sign = async (now: number): Promise<string> =>
    new SignJWT({})
      .setProtectedHeader({ alg: 'ES256', kid: keyId })
      .setIssuer(teamId)
      .setIssuedAt(Math.floor(now / 1000))
      .sign(await importPKCS8(privateKey, 'ES256'))
  return {
    async get() {
      const now = wallClock.now()
      if (kept === null || now - kept.at >= renewAfterMs) kept = { token: sign(now), at: now }
      return kept.token
    },
    forget() {
      kept = null
    },
  }
}
