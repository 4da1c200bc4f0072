import type { RowOf, Store, WorkspaceDb } from '#platform/store/store.ts'
import { loadCampaignVersion } from '../campaign/campaign-rows.ts'
import { loadSubscriptionGroups } from '../campaign/document-rows.ts'

/** What a message is about: the topic of the campaign that decided it; undefined without one. */
export async function topicOf(
  db: WorkspaceDb,
  message: Pick<RowOf<'messages'>, 'campaign_id' | 'campaign_version'>,
): Promise<string | undefined> {
  if (message.campaign_id === '') return undefined
  const version = await loadCampaignVersion(db, message.campaign_id, message.campaign_version)
  return version?.spec.topic
}

/** As customers read it; null where the message has no topic, or is not known. */
export async function topicNameOf(
  { read }: Pick<Store, 'read'>,
  { workspace, messageId }: { workspace: string; messageId: string },
): Promise<string | null> {
  const db = read.workspace(workspace)
  const message = await db
    .selectFrom('messages')
    .select(['messages.campaign_id', 'messages.campaign_version'])
    .where('messages.message_id', '=', messageId)
    .executeTakeFirst()
  const topic = message === undefined ? undefined : await topicOf(db, message)
  if (topic === undefined) return null
  return (await loadSubscriptionGroups(db)).find(({ id }) => id === topic)?.name ?? topic
}
