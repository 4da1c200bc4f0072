import {
  type CurrencyRate,
  type GuardrailSettings,
  guardrailSettingsSchema,
  type Segment,
  type SubscriptionGroup,
  subscriptionGroupSchema,
  type Template,
  templateSchema,
} from '#contracts/campaign.ts'
import type { InstantMs } from '#contracts/clock.ts'
import type { WorkspaceDb } from '#platform/store/store.ts'
import type { DocumentKind, StoredDocument } from './definitions.ts'

/** What binds every campaign of the workspace; the defaults where nothing was applied yet. */
export async function loadGuardrailSettings(db: WorkspaceDb): Promise<GuardrailSettings> {
  const [document] = await loadDocuments(db, 'guardrails')
  return guardrailSettingsSchema.parse(document?.body ?? {})
}

export async function loadSegments(db: WorkspaceDb): Promise<Segment[]> {
  return (await loadDocuments(db, 'segment')).map(({ body }) => body as Segment)
}

/** A group with the version in which it stands: the text that customers are shown. */
export interface VersionedGroup extends SubscriptionGroup {
  version: number
}

export async function loadSubscriptionGroups(db: WorkspaceDb): Promise<VersionedGroup[]> {
  const documents = await loadDocuments(db, 'subscription-group')
  return documents.map(({ body, version }) => ({ ...subscriptionGroupSchema.parse(body), version }))
}

/** A template as it was in that version, or its newest; null where there is none. */
export async function loadTemplate(
  db: WorkspaceDb,
  id: string,
  version?: number,
): Promise<{ template: Template; version: number } | null> {
  let query = db
    .selectFrom('documents')
    .select(['documents.version', 'documents.body_json'])
    .where('documents.kind', '=', 'template')
    .where('documents.document_id', '=', id)
  if (version !== undefined) query = query.where('documents.version', '=', version)
  const row = await query.orderBy('documents.version', 'desc').limit(1).executeTakeFirst()
  if (row === undefined) return null
  return { template: templateSchema.parse(JSON.parse(row.body_json)), version: row.version }
}

/** Every version of a template, oldest first. */
export async function loadTemplateHistory(
  db: WorkspaceDb,
  id: string,
): Promise<{ version: number; body: unknown; actor: string; createdAt: InstantMs }[]> {
  const rows = await db
    .selectFrom('documents')
    .select(['documents.version', 'documents.body_json', 'documents.actor', 'documents.created_at'])
    .where('documents.kind', '=', 'template')
    .where('documents.document_id', '=', id)
    .orderBy('documents.version')
    .execute()
  return rows.map(({ version, body_json, actor, created_at: createdAt }) => ({
    version,
    body: JSON.parse(body_json) as unknown,
    actor,
    createdAt,
  }))
}

export async function loadCurrencyRates(db: WorkspaceDb): Promise<CurrencyRate[]> {
  const [document] = await loadDocuments(db, 'currency-rates')
  return (document?.body as CurrencyRate[] | undefined) ?? []
}

/** The newest version of every document, by kind and id. */
export async function loadDocuments(db: WorkspaceDb, kind?: DocumentKind): Promise<StoredDocument[]> {
  let query = db
    .selectFrom('documents')
    .select(['documents.kind', 'documents.document_id', 'documents.version', 'documents.body_json'])
    .where(({ not, exists, selectFrom }) =>
      not(
        exists(
          selectFrom('documents as newer')
            .select('newer.version')
            .whereRef('newer.workspace', '=', 'documents.workspace')
            .whereRef('newer.kind', '=', 'documents.kind')
            .whereRef('newer.document_id', '=', 'documents.document_id')
            .whereRef('newer.version', '>', 'documents.version'),
        ),
      ),
    )
    .orderBy('documents.kind')
    .orderBy('documents.document_id')
  if (kind !== undefined) query = query.where('documents.kind', '=', kind)
  return (await query.execute()).map((row) => ({
    kind: row.kind as DocumentKind,
    id: row.document_id,
    version: row.version,
    body: JSON.parse(row.body_json) as unknown,
  }))
}

/** Fails where a version is there already: the plan it comes from is out of date. */
export async function insertDocuments(
  db: WorkspaceDb,
  documents: readonly StoredDocument[],
  actor: string,
  now: InstantMs,
): Promise<void> {
  const rows = documents.map(({ kind, id, version, body }) => ({
    kind,
    document_id: id,
    version,
    body_json: JSON.stringify(body),
    actor,
    created_at: now,
  }))
  if (rows.length > 0) await db.bulkInsert('documents', rows, 'fail')
}
