import { importPKCS8, SignJWT } from 'jose'
import type { Clock } from '#contracts/clock.ts'
import type { SendResult } from '#contracts/message.ts'
import type { HttpClient } from '../http/http-client.ts'
import { answerOf, resultOfStatus, textOf } from '../http/http-result.ts'

export interface GoogleAccount {
  clientEmail: string
  /** PEM (PKCS #8), as the service account's file has it. */
  privateKey: string
  /** Where a signed assertion is exchanged for an access token. */
  oauthUrl: string
}

export interface GoogleToken {
  /** The access token, or why there is none. */
  get(): Promise<string | SendResult>
  /** The service refused the one it gave: the next call asks anew. */
  forget(): void
}

const scope = 'https://www.googleapis.com/auth/firebase.messaging'
const lifetimeSeconds = 3600
/** A token is not used in its last minutes: a call under way must not meet its end. */
const marginMs = 5 * 60_000

/**
 * OAuth 2.0 for service accounts (RFC 7523 as Google documents it): a JWT signed with the account's key, worth an
 * access token for an hour. All calls meanwhile share one; those that find none wait for the same answer.
 */
export function createGoogleToken(account: GoogleAccount, client: HttpClient, wallClock: Clock): GoogleToken {
  let kept: { token: string; untilMs: number } | null = null
  let asking: Promise<string | SendResult> | null = null
  const ask = async (): Promise<string | SendResult> => {
    const now = wallClock.now()
    const outcome = await client.post({
      url: account.oauthUrl,
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: new URLSearchParams({
        grant_type: 'urn:ietf:params:oauth:grant-type:jwt-bearer',
        assertion: await assertion(account, now),
      }).toString(),
    })
    const answer = answerOf(outcome, now)
    // Whatever became of it: no message was in it.
    if ('kind' in answer)
      return { kind: 'transient', reason: 'reason' in answer ? answer.reason : '', ofProvider: true }
    const token = textOf(answer.json.access_token)
    if (answer.status !== 200 || token === '') {
      const result = resultOfStatus(answer, 'google_oauth', textOf(answer.json.error))
      if (result.kind === 'throttled') return result
      return { kind: 'transient', reason: 'reason' in result ? result.reason : '', ofProvider: true }
    }
    const seconds = Number(answer.json.expires_in)
    kept = { token, untilMs: now + (Number.isFinite(seconds) ? seconds : lifetimeSeconds) * 1000 - marginMs }
    return token
  }
  return {
    async get() {
      if (kept !== null && wallClock.now() < kept.untilMs) return kept.token
      asking ??= ask().finally(() => {
        asking = null
      })
      return asking
    },
    forget() {
      kept = null
    },
  }
}

async function assertion({ clientEmail, privateKey, oauthUrl }: GoogleAccount, now: number): Promise<string> {
  const issuedAt = Math.floor(now / 1000)
  return new SignJWT({ scope })
    .setProtectedHeader({ alg: 'RS256', typ: 'JWT' })
    .setIssuer(clientEmail)
    .setAudience(oauthUrl)
    .setIssuedAt(issuedAt)
    .setExpirationTime(issuedAt + lifetimeSeconds)
    .sign(await importPKCS8(privateKey, 'RS256'))
}
