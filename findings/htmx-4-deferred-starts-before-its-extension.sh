#!/usr/bin/env bash
# Seen: htmx 4.0.1 and its hx-sse extension, both loaded with `defer`: where the extension comes
# over the network some tenths of a second after htmx itself, the page opens no stream at all, and nothing is said in the
# console. htmx finds the document parsed already, starts with the next turn of the loop and reads the page before the
# extension is registered; a late extension is not shown what was read. With htmx itself not deferred it waits for
# DOMContentLoaded, which comes after every deferred script, and the stream is opened.
# Why it matters: on a quick network both scripts come together, so the page is live on the developer's desk and silent,
# without any error, on a panel behind a slow link or a proxy.
# Needs: Node, npm, and Debian's Chromium (package chromium).
set -euo pipefail
place=$(mktemp -d); trap 'rm -rf "$place"' EXIT; cd "$place"
npm init -y >npm.log && npm install --no-audit --no-fund htmx.org@4.0.1 playwright-core@1.64.1 >>npm.log
cat > f.js <<'J'
const fs = require('fs'), http = require('http'), { chromium } = require('playwright-core')
const dist = 'node_modules/htmx.org/dist/'
const page = (defer) => `<!doctype html><title>x</title><script src="htmx.js" ${defer}></script>
<script src="sse.js" defer></script><div hx-sse:connect="stream">waits</div>`
let streams = 0
const server = http.createServer((request, response) => {
  const path = request.url.split('/').pop()
  const script = (file) => { response.setHeader('content-type', 'text/javascript'); response.end(fs.readFileSync(dist + file)) }
  if (path === 'htmx.js') script('htmx.min.js')
  else if (path === 'sse.js') setTimeout(() => script('ext/hx-sse.min.js'), 700)
  else if (path === 'stream') {
    streams += 1
    response.writeHead(200, { 'content-type': 'text/event-stream' }).end('data: live\n\n')
  } else response.writeHead(200, { 'content-type': 'text/html' }).end(page(request.url.startsWith('/deferred') ? 'defer' : ''))
})
server.listen(0, '127.0.0.1', async () => {
  const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: ['--no-sandbox', '--disable-background-networking'] })
  const seen = {}
  for (const kind of ['deferred', 'plain']) {
    const tab = await browser.newPage(), said = []
    tab.on('console', (one) => said.push(one.text()))
    tab.on('pageerror', (one) => said.push(String(one)))
    streams = 0
    await tab.goto(`http://127.0.0.1:${server.address().port}/${kind}/`, { waitUntil: 'load' })
    await tab.waitForTimeout(1500)
    seen[kind] = `${await tab.locator('div').innerText()}, ${streams ? 'a stream was' : 'no stream was'} opened, ${said.filter((text) => !/favicon|404/.test(text)).length} complaints`
    await tab.close()
  }
  await browser.close(); server.close()
  console.log(`htmx.org 4.0.1, hx-sse arriving 0.7 s later:\n  htmx with defer:    ${seen.deferred}\n  htmx without defer: ${seen.plain}`)
  const changed = !seen.deferred.startsWith('waits, no stream') || !seen.deferred.endsWith(', 0 complaints') || !seen.plain.startsWith('live, a stream')
  if (changed) console.log('CHANGED: when htmx starts, or what a late extension is shown')
  process.exit(changed ? 1 : 0)
})
J
node f.js
