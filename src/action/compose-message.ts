import type { ChannelName } from '#contracts/campaign.ts'
import type { OutgoingMessage, RenderedContent } from '#contracts/message.ts'
import type { RowOf } from '#platform/store/store.ts'
import type { Links } from './links.ts'
import { withOpenPixel } from './open-pixel.ts'
import { rewriteLinks } from './rewrite-links.ts'
import { domainOf } from './sender-domain.ts'
import { type UtmParameters, withUtm } from './utm.ts'

export interface ComposeInput {
  message: RowOf<'messages'>
  content: RenderedContent
  from: string
  unsubscribeUrl: string
  /** Of a mail: where it comes back to. */
  returnPath?: string
}

/**
 * Puts a rendered message into its envelope. The idempotency key is the message's id, the same for every
 * attempt. Marketing messages carry one-click unsubscribe (RFC 8058), transactional ones do not.
 */
export function composeMessage({
  message,
  content,
  from,
  unsubscribeUrl,
  returnPath,
}: ComposeInput): OutgoingMessage {
  const headers: Record<string, string> = { 'Message-ID': `<${message.message_id}@${domainOf(from)}>` }
  if (message.channel === 'email' && message.transactional === 0) {
    headers['List-Unsubscribe'] = `<${unsubscribeUrl}>`
    headers['List-Unsubscribe-Post'] = 'List-Unsubscribe=One-Click'
  }
  return {
    workspace: message.workspace,
    channel: message.channel as ChannelName,
    messageId: message.message_id,
    idempotencyKey: message.message_id,
    customerId: message.customer_id,
    address: message.address,
    from,
    ...(returnPath === undefined ? {} : { returnPath }),
    subject: content.subject,
    html: content.html,
    text: content.text,
    url: content.url,
    data: content.data,
    headers,
    expiresAt: message.expires_at,
  }
}

/** What the links of one message are made of. */
export interface Tracking {
  links: Links
  workspace: string
  messageId: string
  utm: UtmParameters
  /** Mails have an image that counts opens. */
  countsOpens: boolean
}

/** Sends every web link of the html through our click link, except those that lead to our own pages. */
export function trackClicks({ links, workspace, messageId, utm, countsOpens }: Tracking) {
  return (html: string): string => {
    const tracked = rewriteLinks(html, (url) =>
      links.isOwnPage(url) ? null : links.clickUrl(workspace, messageId, withUtm(url, utm)),
    )
    return countsOpens ? withOpenPixel(tracked, links.openUrl(workspace, messageId)) : tracked
  }
}

/** The same for the one address that a tap opens; an app's own (`myapp://cart`) stays as it is. */
export function trackTap({ links, workspace, messageId, utm }: Tracking) {
  return (url: string): string =>
    /^https?:/i.test(url) && !links.isOwnPage(url)
      ? links.clickUrl(workspace, messageId, withUtm(url, utm))
      : url
}
