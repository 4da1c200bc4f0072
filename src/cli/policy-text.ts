import { table } from './table.ts'

export interface Version {
  id: string
  publishedAt: number
  t: number
  manifest: { publishedBy: string; parent: string; from?: string; rewards: number; heads: object[] }
}
export interface Candidate {
  id: string
  proposedAt: number
  actor: string
  note: string
  state: string
  changes: string
  judgedAt: number
  /** While `building`, how far that is. */
  verdict: (Verdict & { building?: { done: number; total: number } }) | null
  snapshotId: string
  manifest: { rewards: number; heads: object[] }
}
export interface Verdict {
  passed: boolean
  reasons: string[]
  campaigns: {
    campaignId: string
    decisions: number
    figures: {
      weights: { effectiveRows: number }
      bestConstant: { name: string; value: number } | null
      difference: { estimate: number; interval: { lower: number; upper: number } } | null
      delta: number | null
    } | null
  }[]
}

export function versionsText(versions: Version[]): string {
  if (versions.length === 0) return 'No version yet: the first launch publishes one.'
  const rows = versions.map(({ id, publishedAt, t, manifest }) => [
    id,
    new Date(publishedAt).toISOString(),
    manifest.from === undefined ? manifest.publishedBy : `${manifest.publishedBy} of ${manifest.from}`,
    manifest.parent === '' ? '-' : manifest.parent,
    String(manifest.rewards),
    t.toFixed(0),
    String(manifest.heads.length),
  ])
  return table(['version', 'published', 'by', 'parent', 'rewards', 't', 'heads'], rows)
}

export function candidatesText(candidates: Candidate[]): string[] {
  if (candidates.length === 0) return []
  const rows = candidates.map(({ id, proposedAt, actor, state, verdict, snapshotId, note }) => [
    id,
    new Date(proposedAt).toISOString(),
    actor,
    candidateText(state, snapshotId, verdict),
    note,
  ])
  return ['', table(['candidate', 'proposed', 'by', 'state', 'note'], rows)]
}

function candidateText(state: string, snapshotId: string, verdict: Verdict | null): string {
  if (state === 'promoted') return `in force as ${snapshotId}`
  if (state === 'building') return 'its heads are being taught'
  if (state === 'failed') return `could not be built: ${verdict?.reasons.join('; ') ?? ''}`
  return judgedText(verdict)
}

function judgedText(verdict: Verdict | null): string {
  if (verdict === null) return 'not judged yet'
  return verdict.passed ? 'passed the gate' : 'refused by the gate'
}

export function verdictText({ campaigns }: Verdict): string {
  const rows = campaigns.map(({ campaignId, decisions, figures }) => [
    campaignId,
    String(decisions),
    figures?.weights.effectiveRows.toFixed(0) ?? '-',
    figures?.bestConstant?.name ?? '-',
    digits(figures?.difference?.estimate),
    digits(figures?.difference?.interval.lower),
    digits(figures?.delta),
  ])
  return table(['campaign', 'decisions', 'effective', 'best constant', 'difference', 'lower', 'δ'], rows)
}

function digits(value: number | null | undefined): string {
  return value === null || value === undefined ? '-' : value.toPrecision(3)
}
