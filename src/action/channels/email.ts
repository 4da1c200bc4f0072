import MailComposer from 'nodemailer/lib/mail-composer'
import type { Channel, OutgoingMessage, SendResult } from '#contracts/message.ts'
import type { ChannelFile } from '../channel-file.ts'
import { createSmtpPool } from '../smtp/smtp-pool.ts'
import { smtpResult } from '../smtp/smtp-result.ts'
import type { SmtpSettings } from '../smtp/smtp-settings.ts'

/** E-mail over SMTP. */
export const channel: ChannelFile = {
  provider: 'smtp',
  reaches: 'people',
  open: ({ smtp }) => (smtp === null ? [] : [openEmail(smtp)]),
}

function openEmail(settings: SmtpSettings): Channel {
  const pool = createSmtpPool(settings)
  return {
    name: 'email',
    provider: 'smtp',
    async send(message): Promise<SendResult> {
      if (!isAddress(message.address)) return { kind: 'permanent', reason: 'bad_address', suppress: true }
      const mail = new MailComposer({
        from: message.from,
        to: { name: '', address: message.address },
        subject: message.subject,
        ...bodiesOf(message),
        headers: message.headers,
        disableFileAccess: true,
        disableUrlAccess: true,
        newline: 'win',
      }).compile()
      const { from } = mail.getEnvelope()
      if (from === false || from === '') return { kind: 'permanent', reason: 'bad_sender', suppress: false }
      return smtpResult(await pool.send({ from, to: message.address }, await mail.build()))
    },
    close: () => pool.close(),
  }
}

function bodiesOf(message: OutgoingMessage): { html?: string; text?: string } {
  return {
    ...(message.html === '' ? {} : { html: message.html }),
    ...(message.text === '' ? {} : { text: message.text }),
  }
}

/** One address and nothing that could make it two or a header. */
function isAddress(address: string): boolean {
  return address.length <= 254 && /^[^\s@<>,;:"()[\]\\]+@[^\s@<>,;:"()[\]\\]+$/.test(address)
}
