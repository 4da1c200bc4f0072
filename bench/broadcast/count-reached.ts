import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { campaignId } from './scene.ts'

/** What stands in the file, counted by its rows and by nothing that the run says of itself. */
export function countReached(folder: string) {
  const database = new DatabaseSync(join(folder, 'store.db'), { readOnly: true })
  const count = (sql: string): number => Number(Object.values(database.prepare(sql).get(campaignId)!)[0])
  const decided = `select decisions.customer_id, count(*) as times from decisions
    where decisions.trigger_id = ? || ':broadcast-1' group by decisions.customer_id`
  const queued = `select messages.customer_id, count(*) as times from messages
    where messages.campaign_id = ? group by messages.customer_id`
  const drawn = `decisions.trigger_id = ? || ':broadcast-1' and decisions.outcome = 'treatment'`
  // As a set: there is no index by the decision.
  const withoutMessage = `select count(*) from decisions where ${drawn} and decisions.decision_id not in (
    select messages.decision_id from messages)`
  try {
    return {
      missed:
        count(`select (select count(*) from customers) - (select count(*) from (${decided}))`) +
        count(withoutMessage),
      twice:
        count(`select count(*) from (${decided}) as own where own.times > 1`) +
        count(`select count(*) from (${queued}) as own where own.times > 1`),
      messages: count('select count(*) from messages where messages.campaign_id = ?'),
    }
  } finally {
    database.close()
  }
}
