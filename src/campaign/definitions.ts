import type {
  Campaign,
  CurrencyRate,
  Experiment,
  Goal,
  GuardrailSettings,
  Offer,
  Segment,
  SubscriptionGroup,
  Template,
  WorkspaceFile,
} from '#contracts/campaign.ts'

/** Kinds of documents, and the list of the file that holds each. */
export const documentLists = {
  goal: 'goals',
  offer: 'offers',
  template: 'templates',
  segment: 'segments',
  experiment: 'experiments',
  'subscription-group': 'subscriptionGroups',
  campaign: 'campaigns',
} as const
export type ListedKind = keyof typeof documentLists
export type DocumentKind = ListedKind | 'guardrails' | 'currency-rates'

/** Guardrails and currency rates are one document of the workspace each. */
export const singleDocumentId = 'workspace'

/** All that a workspace has defined, newest versions. */
export interface Definitions {
  goal: Map<string, Goal>
  offer: Map<string, Offer>
  template: Map<string, Template>
  segment: Map<string, Segment>
  experiment: Map<string, Experiment>
  'subscription-group': Map<string, SubscriptionGroup>
  campaign: Map<string, Campaign>
  guardrails: GuardrailSettings | null
  currencyRates: CurrencyRate[]
}

/** A document as the store holds it. */
export interface StoredDocument {
  kind: DocumentKind
  id: string
  version: number
  body: unknown
}

/** What will be defined once the file is applied. Documents that the file does not name stay. */
export function definitionsAfter(stored: readonly StoredDocument[], file: WorkspaceFile): Definitions {
  const list = <K extends ListedKind>(kind: K): Definitions[K] =>
    new Map([
      ...stored.filter((document) => document.kind === kind).map(({ id, body }) => [id, body] as const),
      ...file[documentLists[kind]].map((body) => [body.id, body] as const),
    ]) as Definitions[K]
  const single = <T>(kind: DocumentKind): T | undefined =>
    stored.find((document) => document.kind === kind)?.body as T | undefined
  return {
    goal: list('goal'),
    offer: list('offer'),
    template: list('template'),
    segment: list('segment'),
    experiment: list('experiment'),
    'subscription-group': list('subscription-group'),
    campaign: list('campaign'),
    guardrails: file.guardrails ?? single<GuardrailSettings>('guardrails') ?? null,
    currencyRates: file.currencyRates ?? single<CurrencyRate[]>('currency-rates') ?? [],
  }
}
