#!/usr/bin/env bash
# Seen: adaptivecards 3.0.6, Microsoft's own renderer. A TextRun in a RichTextBlock reads no Markdown, as documented: its text
# looks like the way to show what others wrote as it is. It fills in {{DATE(…)}} and {{TIME(…)}} all the same, which the
# documentation names for TextBlock only.
# Why it matters: whoever relies on TextRun for foreign text shows something else than what was written; break up "{{" too.
# Needs: Node, npm.
set -euo pipefail
place=$(mktemp -d); trap 'rm -rf "$place"' EXIT; cd "$place"
npm init -y >npm.log && npm install --no-audit --no-fund adaptivecards@3.0.6 jsdom@26.1.0 >>npm.log
cat > f.cjs <<'J'
const { JSDOM } = require('jsdom')
const { window } = new JSDOM('<body></body>')
global.window = window; global.document = window.document
for (const name of Object.getOwnPropertyNames(window)) if (/^(HTML|Node|Element)/.test(name)) global[name] = window[name]
// jsdom has no layout, so it lacks this one; setting it sets plain text
Object.defineProperty(window.HTMLElement.prototype, 'innerText', { set (text) { this.textContent = text } })
const { AdaptiveCard } = require('./node_modules/adaptivecards/dist/adaptivecards.js')
const shown = (text) => {
  const card = new AdaptiveCard()
  card.parse({ type: 'AdaptiveCard', version: '1.4', body: [{ type: 'RichTextBlock', inlines: [{ type: 'TextRun', text }] }] })
  return card.render().textContent
}
console.log('adaptivecards', require('adaptivecards/package.json').version)
const results = ['**bold** [link](https://host.example)', '{{DATE(2026-01-31T12:00:00Z)}}', '{ {DATE(2026-01-31T12:00:00Z)}}'].map((text) => [text, shown(text)])
for (const [text, is] of results) console.log(`${text}  is shown as  ${is}`)
if (results[0][0] !== results[0][1] || results[1][0] === results[1][1] || results[2][0] !== results[2][1]) process.exit(1)
J
node f.cjs
