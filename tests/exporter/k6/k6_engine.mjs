// Engine for tests: runs a script of k6 against stubs of its modules, and prints what it did.
// Input: a JSON document with `env`, `events` for buildEvent, `iterations` of each step, `replies`.
import { readFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';

const input = JSON.parse(readFileSync(0, 'utf-8'));
globalThis.__ENV = input.env;
globalThis.k6 = { requests: [], scenario: null, checks: {}, slept: 0, replies: input.replies };

const script = await import(pathToFileURL(process.argv[2]));
const metrics = {};
for (const [name, executor] of Object.entries(script.options.scenarios)) {
  const function_ = script[executor.exec || 'default'];
  const times = [];
  k6.checks = { passes: 0, fails: 0 };
  for (let iteration = 0; iteration < input.iterations; iteration += 1) {
    k6.scenario = { name, iterationInTest: iteration };
    function_();
    times.push(10 * (iteration + 1));
  }
  const { passes, fails } = k6.checks;
  metrics[`checks{scenario:${name}}`] = {
    type: 'rate', contains: 'default', values: { rate: passes / (passes + fails), passes, fails },
  };
  metrics[`http_req_duration{scenario:${name}}`] = {
    type: 'trend',
    contains: 'time',
    values: Object.fromEntries(script.options.summaryTrendStats.map((stat) => [stat, Math.max(...times)])),
  };
}
for (const [metric, expressions] of Object.entries(script.options.thresholds)) {
  metrics[metric] ||= { type: 'counter', contains: 'default', values: { count: input.dropped, rate: 0 } };
  metrics[metric].thresholds = Object.fromEntries(
    expressions.map((each) => [each, { ok: !(each === 'count==0' && input.dropped) }]),
  );
}
const summary = script.handleSummary({ metrics, state: { testRunDurationMs: 30000 }, root_group: {} });
const events = input.events.map((each) => script.buildEvent(...each));
console.log(JSON.stringify({ options: script.options, requests: k6.requests, slept: k6.slept, summary, events }));
