import { z } from 'zod'
import type { Clock } from '#contracts/clock.ts'
import type { Channel, SendResult } from '#contracts/message.ts'
import type { ChannelFile } from '../channel-file.ts'
import { type Secret, secret } from '../secret.ts'
import { createMailComposer } from '../smtp/compose-mail.ts'
import { createSmtpPool } from '../smtp/smtp-pool.ts'
import { smtpResult } from '../smtp/smtp-result.ts'
import { type SmtpSettings, smtpFault, smtpSettingsOf } from '../smtp/smtp-settings.ts'

const settingsSchema = z.strictObject({
  /** `smtp://user:password@host:587`, or `smtps://` for TLS from the first byte. */
  url: secret().refine((url) => smtpFault(url.reveal()) === null, {
    error: 'must be smtp://user:password@host:port or smtps://…',
  }),
  /** Time to connect, greet and log in. */
  connectTimeoutMs: z.number().int().min(100).max(60_000).exactOptional(),
  /** Longest silence of the server in a session. */
  answerTimeoutMs: z.number().int().min(100).max(90_000).exactOptional(),
})
type Settings = z.infer<typeof settingsSchema>

/** E-mail over SMTP. */
export const channel: ChannelFile<Settings> = {
  kind: 'smtp',
  channel: 'email',
  reaches: 'people',
  // RFC 5322 section 2.1.1: the longest line; servers announce how large a message may be.
  limits: { subjectCharactersMax: 998 },
  settings: settingsSchema,
  resends: false,
  open: ({ url, ...timeouts }, { inFlightMax, wallClock }) =>
    openSmtp({ ...connectionOf(url, inFlightMax), ...timeouts }, wallClock),
}

/** A connection for each message in flight: one that waited for a connection would be `unknown` after a crash. */
function connectionOf(url: Secret, inFlightMax: number): SmtpSettings {
  return { ...smtpSettingsOf(url.reveal()), connectionsMax: inFlightMax }
}

function openSmtp(settings: SmtpSettings, wallClock: Clock): Channel {
  const pool = createSmtpPool(settings)
  const composer = createMailComposer()
  return {
    async send(message): Promise<SendResult> {
      if (!isAddress(message.address)) return { kind: 'permanent', reason: 'bad_address', suppress: true }
      const mail = composer.compose(message, wallClock.now())
      if (mail.from === null) return { kind: 'permanent', reason: 'bad_sender', suppress: false }
      return smtpResult(await pool.send({ from: message.returnPath ?? mail.from, to: mail.to }, mail.raw))
    },
    close: () => pool.close(),
  }
}

/** One address and nothing that could make it two or a header. */
function isAddress(address: string): boolean {
  return address.length <= 254 && /^[^\s@<>,;:"()[\]\\]+@[^\s@<>,;:"()[\]\\]+$/.test(address)
}
