import { createTransport } from 'nodemailer'
import { createLinks } from '../../src/action/links.ts'
import { rewriteLinks } from '../../src/action/rewrite-links.ts'
import { compileTemplate } from '../../src/creative/compile-template.ts'
import { templateContext } from '../../src/creative/context.ts'
import { render } from '../../src/creative/render.ts'
import { addressAt, from, letterOf, publicUrl, template, workspace } from './scene.ts'

export type Dkim = {
  domain: string
  selector: string
  /** PEM. */
  privateKey: string
}

interface Letter {
  from: string
  to: string
  subject: string
  html: string
  text: string
  headers: Record<string, string>
}

/** nodemailer's pool and nothing else: composes and sends letters whose words were made beforehand. */
export function openPool(port: number, connections: number, letters: Letter[], dkim: Dkim | null) {
  const pool = createTransport({
    pool: true,
    host: '127.0.0.1',
    port,
    maxConnections: connections,
    ...(dkim === null
      ? {}
      : { dkim: { domainName: dkim.domain, keySelector: dkim.selector, privateKey: dkim.privateKey } }),
  })
  return {
    async round(count: number): Promise<void> {
      await Promise.all(letters.slice(0, count).map((letter) => pool.sendMail(letter)))
    },
    close: () => pool.close(),
  }
}

/** What the product says to its customers, rendered and with links of the same kind. */
export function makeLetters(count: number): Letter[] {
  const compiled = compileTemplate(template)
  if (compiled.kind === 'faults') throw new Error(compiled.faults.join('; '))
  const links = createLinks({ secret: 'a secret of the bench', baseUrl: publicUrl })
  return Array.from({ length: count }, (_, index) => {
    const { messageId, customerId, traits, trigger, offer } = letterOf('pool', index)
    const unsubscribeUrl = links.unsubscribeUrl(workspace, messageId)
    const context = templateContext({ customerId, traits, trigger, offer, unsubscribeUrl })
    const htmlTransform = (html: string) =>
      rewriteLinks(html, (url) => (url === unsubscribeUrl ? null : links.clickUrl(workspace, messageId, url)))
    const rendered = render(compiled.template, context, { htmlTransform })
    if (rendered.kind === 'fault') throw new Error(rendered.fault.detail)
    const { subject, html, text } = rendered.content
    const headers = {
      'Message-ID': `<${messageId}@acme.example>`,
      'List-Unsubscribe': `<${unsubscribeUrl}>`,
      'List-Unsubscribe-Post': 'List-Unsubscribe=One-Click',
    }
    return { from, to: addressAt(index), subject, html, text, headers }
  })
}
