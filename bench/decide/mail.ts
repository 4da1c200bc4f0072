import type { Template } from '#contracts/campaign.ts'

/** About 5 KB when rendered: a newsletter's head, eight products in a loop, and its foot. */
export const mailTemplate: Template = {
  id: 'mail',
  channel: 'email',
  subject: 'Something for you, {{customer.firstName}}',
  html: html(),
  text: '',
  defaults: {},
}

/** What the loop goes over, among the properties of the event that triggers. */
export const products = Array.from({ length: 8 }, (_, index) => ({
  name: `Walking boots ${index}`,
  price: `${59 + index}.90`,
  url: `https://shop.example/boots/${index}`,
}))

function html(): string {
  const paragraph = 'Made of full-grain leather, sewn by hand, and soled again whenever you like. '
  return `<!doctype html><html><body style="font-family:sans-serif;margin:0;padding:24px;color:#222">
<h1>Hello {{customer.firstName}} from {{customer.city}}</h1>
<p>${paragraph.repeat(12)}</p>
{{#if customer.plan}}<p>With your plan {{customer.plan}} you get {{offer.name}} first.</p>{{/if}}
<table>{{#each event.properties.products}}<tr><td><a href="{{url}}">{{name}}</a></td><td>{{price}} EUR</td>
<td>${paragraph.repeat(3)}</td></tr>{{/each}}</table>
<p>${paragraph.repeat(12)}</p>
<p><a href="{{links.unsubscribe}}">Unsubscribe</a></p></body></html>`
}
