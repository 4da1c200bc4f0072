import { type Finding, finding, type ResolveTxt, tagsOf } from './finding.ts'

/**
 * Whether the sender's domain says what is to become of mail that is not its own, and whether the address that
 * mails come back to is of the same organisation (else SPF counts for nothing there, and DKIM alone does).
 */
export async function checkDmarc(
  domain: string,
  returnDomain: string,
  resolve: ResolveTxt,
): Promise<Finding[]> {
  const about = `DMARC of ${domain}`
  const { at, records } = await nearest(domain, resolve)
  const [record] = records
  if (record === undefined)
    return [
      finding(
        'fault',
        about,
        `no TXT record at _dmarc.${domain} begins with v=DMARC1: large mailbox providers refuse much mail without`,
      ),
    ]
  if (records.length > 1)
    return [
      finding('fault', about, `${records.length} records at _dmarc.${at}: receivers take none, leave one`),
    ]
  const tags = tagsOf(record)
  const policy = (at === domain ? undefined : tags.get('sp')) ?? tags.get('p')
  if (policy === undefined || !['none', 'quarantine', 'reject'].includes(policy.toLowerCase()))
    return [finding('fault', about, 'it has no policy: p= is none, quarantine or reject')]
  const findings: Finding[] = []
  if (policy.toLowerCase() === 'none')
    findings.push(finding('warning', about, 'its policy is none: others may still send in your name'))
  else findings.push(finding('ok', about, record))
  if (!tags.has('rua'))
    findings.push(
      finding('warning', about, 'nobody gets its reports: add rua=mailto:… to see who sends for you'),
    )
  if (!isAligned(returnDomain, domain, tags.get('aspf')))
    findings.push(
      finding(
        'warning',
        about,
        `mails come back to ${returnDomain}, which is not of ${domain}: SPF does not count for it, sign with DKIM`,
      ),
    )
  return findings
}

/** Where there is none at the name itself, the organisation's counts (RFC 7489, section 6.6.3). */
async function nearest(domain: string, resolve: ResolveTxt): Promise<{ at: string; records: string[] }> {
  for (let at = domain; at.includes('.'); at = at.slice(at.indexOf('.') + 1)) {
    const records = (await resolve(`_dmarc.${at}`)).filter((text) => /^v=DMARC1\s*(;|$)/i.test(text))
    if (records.length > 0) return { at, records }
  }
  return { at: domain, records: [] }
}

/** Relaxed: one within the other, or both within one that is more than a top-level domain. */
function isAligned(returned: string, from: string, mode = 'r'): boolean {
  if (returned === from) return true
  if (mode.toLowerCase() === 's') return false
  if (returned.endsWith(`.${from}`) || from.endsWith(`.${returned}`)) return true
  const parent = (domain: string) => domain.slice(domain.indexOf('.') + 1)
  return parent(returned) === parent(from) && parent(from).includes('.')
}
