import PostalMime from 'postal-mime'
import { demand } from './http-vendor.ts'

/** What is wrong with a message as RFC 5322 text: a client of its own reads it, not the one that wrote it. */
export async function mailFaults(raw: string): Promise<string[]> {
  const mail = await PostalMime.parse(raw)
  const header = (name: string) => mail.headers.find(({ key }) => key === name)?.value
  return [
    ...demand(mail.from?.address === 'hello@acme.example', `from is ${mail.from?.address}`),
    ...demand(mail.to?.length === 1 && mail.to[0]!.address === 'ann@example.com', 'to is not the recipient'),
    ...demand(header('bcc') === undefined && header('cc') === undefined, 'somebody else is addressed'),
    ...demand(
      mail.headers.filter(({ key }) => key === 'message-id').length === 1,
      'Message-ID is not there once',
    ),
    ...demand(header('date') !== undefined, 'no Date'),
    ...demand(/\r\n/.test(raw) && !/[^\r]\n/.test(raw), 'lines do not end in CRLF'),
    // biome-ignore lint/suspicious/noControlCharactersInRegex: what a 7-bit transport takes
    ...demand(/^[\x00-\x7f]*$/.test(raw), 'not 7-bit'),
  ]
}

export async function messageIdOf(raw: string): Promise<string> {
  const { messageId } = await PostalMime.parse(raw)
  return messageId?.replace(/^<|@.*$/g, '') ?? ''
}
