import type { InstantMs } from '#contracts/clock.ts'
import type { MachineSign } from '#contracts/event.ts'

/** A request for a link or an image of a message, as far as it tells readers from programs. */
export interface EngagementRequest {
  method?: string
  userAgent: string
  /** Names in lower case. */
  headers?: Readonly<Record<string, string | string[] | undefined>>
  /** How long ago the message went out; absent where that is not known. */
  sinceSendMs?: number
}

/**
 * What gives a program away that asks for a link or an image, or null where it may be the reader. What follows
 * all links of a message at once is seen by looking at several clicks: `judgeClicks`.
 */
export function signOfEngagement(
  kind: 'click' | 'open',
  { method = 'GET', userAgent, headers = {}, sinceSendMs }: EngagementRequest,
): MachineSign | null {
  if (method === 'HEAD') return 'head'
  if (isPrefetch(headers)) return 'prefetch'
  if (kind === 'open' && userAgent.trim() === applePrivacyAgent) return 'mail-privacy'
  if (userAgent.trim() === '' || knownPrograms.test(userAgent)) return 'user-agent'
  if (kind === 'click' && sinceSendMs !== undefined && sinceSendMs >= 0 && sinceSendMs < tooSoonMs)
    return 'too-soon'
  return null
}

/**
 * A mail has to travel, to be noticed, opened and read. Gateways follow links before they let a mail through.
 * People who wait for a code are quick: seldom under 5 s from our own claim of the message.
 */
export const tooSoonMs = 5000

/**
 * Apple's Mail Privacy Protection fetches every image, read or not, and calls itself just this. The image
 * proxies of Gmail and Yahoo ask when the reader opens the mail, and are the reader here.
 */
const applePrivacyAgent = 'Mozilla/5.0'

/** Names that scanners, link previews and plain HTTP libraries give themselves in their user agents. */
const knownPrograms =
  /bot\b|crawl|spider|scanner|preview|proofpoint|mimecast|barracuda|safelinks|urldefense|messagelabs|symantec|trendmicro|fireeye|forcepoint|cisco-?(esa|ironport)|ironport|sophos|zscaler|cloudmark|virustotal|facebookexternalhit|whatsapp|slack|skype|telegrambot|curl\/|wget\/|python|java\/|go-http-client|okhttp|axios\/|node-fetch|undici|libwww|apache-httpclient|headless|phantomjs/i

/** What browsers and mail programs send that fetch ahead of the reader. */
function isPrefetch(headers: NonNullable<EngagementRequest['headers']>): boolean {
  return ['sec-purpose', 'purpose', 'x-purpose', 'x-moz'].some((name) =>
    /prefetch|preview|prerender/i.test(String(headers[name] ?? '')),
  )
}

export interface ClickSeen {
  url: string
  at: InstantMs
}

/** Clicks on several links of a message, each at most this long after the one before, are a program's. */
export const allLinksMs = 1000
/** A reader's second link takes longer: the page of the first has come to the front meanwhile. */
const linksMin = 2

/** Of one message's clicks those that belong to a walk over its links. */
export function allLinksAtOnce<C extends ClickSeen>(clicks: readonly C[]): Set<C> {
  const walked = new Set<C>()
  let run: C[] = []
  const endRun = (): void => {
    if (new Set(run.map(({ url }) => url)).size >= linksMin) for (const click of run) walked.add(click)
    run = []
  }
  for (const click of [...clicks].sort((a, b) => a.at - b.at)) {
    const last = run.at(-1)
    if (last !== undefined && click.at - last.at > allLinksMs) endRun()
    run.push(click)
  }
  endRun()
  return walked
}
