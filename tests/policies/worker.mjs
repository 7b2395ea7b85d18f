// Judge one, a process of its own: reads one simulation a line (JSON) from stdin, writes one verdict a line to
// stdout. The library is AGPL-3.0-or-later: it is a tool of the tests, never part of what is shipped.
import { createInterface } from 'node:readline'

import { runSimulation } from '@cloud-copilot/iam-simulate'

for await (const line of createInterface({ input: process.stdin })) {
  const { id, simulation } = JSON.parse(line)
  let answer
  try {
    const said = await runSimulation(simulation, {})
    if (said.resultType === 'error') {
      answer = { id, error: said.errors }
    } else {
      const parts = said.resultType === 'single' ? [said.result] : said.results
      answer = {
        id,
        verdict: said.overallResult,
        ignored: parts.flatMap((part) => part.ignoredContextKeys ?? []),
        analysis: parts.map((part) => part.analysis)
      }
    }
  } catch (error) {
    answer = { id, error: { message: String(error) } }
  }
  process.stdout.write(JSON.stringify(answer) + '\n')
}
