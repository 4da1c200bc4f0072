import { z } from 'zod'
import type { Clock } from '#contracts/clock.ts'
import type { Channel, SendResult } from '#contracts/message.ts'
import type { ChannelFile } from '../channel-file.ts'
import { type Secret, secret } from '../secret.ts'
import { createMailComposer } from '../smtp/compose-mail.ts'
import { createDkimSigner, type DkimSigner, dkimKeyFault } from '../smtp/dkim.ts'
import { createSmtpPool } from '../smtp/smtp-pool.ts'
import { smtpResult } from '../smtp/smtp-result.ts'
import { type SmtpSettings, smtpFault, smtpSettingsOf } from '../smtp/smtp-settings.ts'

const dkimKeySchema = z.strictObject({
  /** Mails from here and from the domains under it. */
  domain: z.string().regex(/^[a-z0-9-]+(\.[a-z0-9-]+)+$/, 'a domain in lower case, its letters in ASCII'),
  /** The public key stands at `selector._domainkey.domain`. */
  selector: z.string().regex(/^[a-z0-9-]+(\.[a-z0-9-]+)*$/, 'a name in lower case'),
  /** PEM of an RSA or an Ed25519 key. */
  privateKey: secret().superRefine((key, context) => {
    const fault = dkimKeyFault(key.reveal())
    if (fault !== null) context.addIssue({ code: 'custom', message: fault })
  }),
})

const settingsSchema = z.strictObject({
  /** `smtp://user:password@host:587`, or `smtps://` for TLS from the first byte. */
  url: secret().refine((url) => smtpFault(url.reveal()) === null, {
    error: 'must be smtp://user:password@host:port or smtps://…',
  }),
  /** Time to connect, greet and log in. */
  connectTimeoutMs: z.number().int().min(100).max(60_000).exactOptional(),
  /** Longest silence of the server in a session. */
  answerTimeoutMs: z.number().int().min(100).max(90_000).exactOptional(),
  /** By what mails are signed, by the sender's domain; several of one domain all sign. */
  dkim: z.array(dkimKeySchema).max(64).default([]),
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
  open({ url, dkim, ...timeouts }, { inFlightMax, wallClock }) {
    const keys = dkim.map((key) => ({ ...key, privateKey: key.privateKey.reveal() }))
    return openSmtp({ ...connectionOf(url, inFlightMax), ...timeouts }, createDkimSigner(keys), wallClock)
  },
}

/** A connection for each message in flight: one that waited for a connection would be `unknown` after a crash. */
function connectionOf(url: Secret, inFlightMax: number): SmtpSettings {
  return { ...smtpSettingsOf(url.reveal()), connectionsMax: inFlightMax }
}

function openSmtp(settings: SmtpSettings, signer: DkimSigner, wallClock: Clock): Channel {
  const pool = createSmtpPool(settings)
  const composer = createMailComposer()
  return {
    async send(message): Promise<SendResult> {
      if (!isAddress(message.address)) return { kind: 'permanent', reason: 'bad_address', suppress: true }
      const mail = composer.compose(message, wallClock.now())
      if (mail.from === null) return { kind: 'permanent', reason: 'bad_sender', suppress: false }
      const signed = await signer.sign(mail.from, mail.raw)
      return smtpResult(await pool.send({ from: message.returnPath ?? mail.from, to: mail.to }, signed))
    },
    close: () => pool.close(),
  }
}

/** One address and nothing that could make it two or a header. */
function isAddress(address: string): boolean {
  return address.length <= 254 && /^[^\s@<>,;:"()[\]\\]+@[^\s@<>,;:"()[\]\\]+$/.test(address)
}
