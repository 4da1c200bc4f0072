import { checkDkim, type DkimKey } from './check-dkim.ts'
import { checkDmarc } from './check-dmarc.ts'
import { checkSpf } from './check-spf.ts'
import { type Finding, finding, type ResolveTxt } from './finding.ts'

export interface SenderRecords {
  /** Of the sender's address. */
  domain: string
  /** Of the address that mails come back to. */
  returnDomain: string
  dkim: readonly DkimKey[]
}

/** Names that stand for no host on the Internet (RFC 2606, RFC 6761). */
const reserved = /(^|\.)(localhost|test|invalid|example|local|internal)$/i

/** What the DNS says of a sender of mail: who may send for it, how it signs, what becomes of others' mail. */
export async function checkSender(
  { domain, returnDomain, dkim }: SenderRecords,
  resolve: ResolveTxt,
): Promise<Finding[]> {
  if (reserved.test(domain))
    return [
      finding(
        'fault',
        `sender ${domain}`,
        'nobody on the Internet has that name: set mailFrom to an address of yours',
      ),
    ]
  const own = dkim.filter((key) => key.domain === domain || domain.endsWith(`.${key.domain}`))
  const noDkim = finding(
    'warning',
    `DKIM of ${domain}`,
    'no key of ours signs for it: where the provider signs, name its selector with --selector',
  )
  const checks: [string, () => Promise<Finding | Finding[]>][] = [
    [`SPF of ${returnDomain}`, () => checkSpf(returnDomain, resolve)],
    ...own.map((key): [string, () => Promise<Finding>] => [
      `DKIM of ${key.domain}, selector ${key.selector}`,
      () => checkDkim(key, resolve),
    ]),
    [`DMARC of ${domain}`, () => checkDmarc(domain, returnDomain, resolve)],
  ]
  const found = await Promise.all(checks.map(([about, check]) => asked(about, check)))
  return own.length === 0 ? [...found.flat(), noDkim] : found.flat()
}

async function asked(about: string, check: () => Promise<Finding | Finding[]>): Promise<Finding[]> {
  try {
    return [await check()].flat()
  } catch (error) {
    const detail = `the DNS could not be asked: ${error instanceof Error ? error.message : String(error)}`
    return [finding('warning', about, detail)]
  }
}
