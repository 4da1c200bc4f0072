import { allow, type Guardrail } from '#contracts/guardrail.ts'

/** Nobody is offered an item that is sold out by the time of the send. */
export const guardrail: Guardrail = {
  name: 'in-stock',
  check({ transactional, candidate: { soldOut } }) {
    return soldOut !== undefined && !transactional
      ? { kind: 'suppress', reason: 'sold_out', inputs: { item: soldOut } }
      : allow
  },
  // Known of the one candidate that is claimed, of none at the decision.
  clears: ({ transactional, candidate: { soldOut } }) => transactional || soldOut === undefined,
}
