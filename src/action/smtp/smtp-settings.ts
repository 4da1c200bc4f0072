/** How the mail server is reached. */
export interface SmtpSettings {
  host: string
  port: number
  /** TLS from the first byte (port 465). Otherwise STARTTLS wherever the server offers it. */
  secure: boolean
  auth: { user: string; pass: string } | null
  /** Most connections open at once. */
  connectionsMax: number
  /** Time to connect, greet and log in. */
  connectTimeoutMs: number
  /** Longest silence of the server in a session. */
  answerTimeoutMs: number
}

const smtpDefaults = { connectionsMax: 10, connectTimeoutMs: 15_000, answerTimeoutMs: 60_000 } as const

/** Why this is not the address of a mail server; null where it is one. */
export function smtpFault(url: string): string | null {
  try {
    smtpSettingsOf(url)
    return null
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}

/** Reads `smtp://user:password@host:587` (or `smtps://` for TLS from the start). Throws when it is not one. */
export function smtpSettingsOf(url: string): SmtpSettings {
  const parsed = new URL(url)
  if (!['smtp:', 'smtps:'].includes(parsed.protocol) || parsed.hostname === '') {
    throw new Error('the mail server is given as smtp://host:port or smtps://host:port')
  }
  const secure = parsed.protocol === 'smtps:'
  const user = decodeURIComponent(parsed.username)
  return {
    host: parsed.hostname,
    port: parsed.port === '' ? (secure ? 465 : 587) : Number(parsed.port),
    secure,
    auth: user === '' ? null : { user, pass: decodeURIComponent(parsed.password) },
    ...smtpDefaults,
  }
}
