import { setTimeout as wait } from 'node:timers/promises'
import type { Admin } from 'kafkajs'
import { ANSWER_MAX_MS, MESSAGE_BYTES_MAX, type TopicNames } from './kafka-settings.ts'

export interface TopicPlan {
  partitions: number
  /** -1 takes the cluster's own default. */
  replicationFactor: number
  /** Of events and inbox; the pipeline must have read them by then. */
  retentionMs: number
}

const DAY_MS = 86_400_000
/** Long enough that whoever reads decisions may be away for a week, and an operator for a month. */
const DECISIONS_RETENTION_MS = 7 * DAY_MS
const DEAD_LETTERS_RETENTION_MS = 30 * DAY_MS

/**
 * Creates the topics that are missing, with their settings, and waits until they have leaders; those that are
 * there stay as they are.
 */
export async function ensureTopics(admin: Admin, names: TopicNames, plan: TopicPlan): Promise<void> {
  const there = new Set(await admin.listTopics())
  const topic = (name: string, retentionMs: number) => ({
    topic: name,
    numPartitions: plan.partitions,
    replicationFactor: plan.replicationFactor,
    configEntries: Object.entries(settingsOf(plan, retentionMs)).map(([key, value]) => ({
      name: key,
      value,
    })),
  })
  const topics = [
    topic(names.events, plan.retentionMs),
    topic(names.inbox, plan.retentionMs),
    topic(names.decisions, DECISIONS_RETENTION_MS),
    topic(names.deadLetters, DEAD_LETTERS_RETENTION_MS),
  ].filter((one) => !there.has(one.topic))
  // Another process may create them at the same moment: then this answers false, which is as good.
  if (topics.length === 0) return
  await admin.createTopics({ topics, waitForLeaders: false })
  await untilLed(admin, Object.values(names))
}

/** A busy broker learns of new topics a little later than the controller that made them. */
async function untilLed(admin: Admin, names: string[]): Promise<void> {
  const deadline = performance.now() + ANSWER_MAX_MS
  for (;;) {
    try {
      const { topics } = await admin.fetchTopicMetadata({ topics: names })
      const partitions = topics.flatMap((topic) => topic.partitions)
      if (topics.length === names.length && partitions.every(({ leader }) => leader >= 0)) return
    } catch (error) {
      if (performance.now() > deadline) throw error
    }
    if (performance.now() > deadline) throw new Error('the new topics have no leaders')
    await wait(100)
  }
}

function settingsOf({ replicationFactor }: TopicPlan, retentionMs: number): Record<string, string> {
  return {
    'cleanup.policy': 'delete',
    'retention.ms': String(retentionMs),
    // Batches stay as their producers packed them.
    'compression.type': 'producer',
    'max.message.bytes': String(MESSAGE_BYTES_MAX),
    // With three copies one may be away, and what was acknowledged is still on two.
    ...(replicationFactor >= 3 ? { 'min.insync.replicas': '2' } : {}),
  }
}

/** The partitions of each of our topics, or one line that says what to do. */
export async function checkTopics(
  admin: Admin,
  names: TopicNames,
  partitionsMin: number,
): Promise<{ kind: 'partitions'; partitions: Map<string, number> } | { kind: 'fault'; reason: string }> {
  const wanted = Object.values(names) as string[]
  const there = new Set(await admin.listTopics())
  const missing = wanted.filter((name) => !there.has(name))
  if (missing.length > 0) {
    const reason = `Kafka has no topic ${missing.join(', ')}: start once with STARLING_KAFKA_CREATE_TOPICS=true, or create it as docs/guides/kafka.md says`
    return { kind: 'fault', reason }
  }
  const { topics } = await admin.fetchTopicMetadata({ topics: wanted })
  const partitions = new Map(topics.map((topic) => [topic.name, topic.partitions.length]))
  const events = partitions.get(names.events) ?? 0
  if (events < partitionsMin) {
    const reason =
      `Kafka's topic ${names.events} has ${events} partitions and the configuration asks for ${partitionsMin}: ` +
      `set STARLING_LOG_PARTITIONS=${events}, or use a new topic prefix (more partitions later would move customers)`
    return { kind: 'fault', reason }
  }
  return { kind: 'partitions', partitions }
}
