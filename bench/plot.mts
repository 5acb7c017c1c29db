import * as Plot from '@observablehq/plot';
import { parseHTML } from 'linkedom';
import { baseline, library } from './comparison.js';
import { type GrowthResult, growthContenders, pointOf } from './growth.js';
import { measures } from './growth-table.js';

const width = 860;
const columns = 2;
const panelWidth = width / columns;
const panelHeight = 250;
const headHeight = 70;

/** Colours that can be told apart on white and on black, and by those who see fewer of them. */
const colours: { [contender: string]: string } = { [baseline]: '#d9730d', [library]: '#2f81f7' };
const dashes: { [measure: string]: string } = { exitUs: 'none', callUs: '5 4' };

/** The growth of the cost of a start with each factor: an SVG file, for light and dark surroundings. */
export function plotGrowth(results: GrowthResult[]): string {
  const { document } = parseHTML('<html></html>');
  const panels = results.map((result, i) => {
    const panel = Plot.plot({ ...panelOptions(result), document: document as never });
    // It is for a page of its own: it would give each panel the size and the background of one.
    panel.querySelector('style')?.remove();
    panel.setAttribute('x', `${(i % columns) * panelWidth}`);
    panel.setAttribute('y', `${headHeight + Math.floor(i / columns) * panelHeight}`);
    return panel.outerHTML.replace('>', `><title>${describe(result)}</title>`);
  });
  const height = headHeight + Math.ceil(results.length / columns) * panelHeight;
  return `${[
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" class="growth" fill="currentColor" role="img" aria-labelledby="title description">`,
    '<title id="title">How the cost of starting a program grows</title>',
    `<desc id="description">${results.map(describe).join(' ')}</desc>`,
    `<style>
.growth { color: #1f2328; font: 12px system-ui, sans-serif; }
@media (prefers-color-scheme: dark) { .growth { color: #e6edf3; } }
</style>`,
    legend(),
    ...panels,
    '</svg>',
  ].join('\n')}\n`;
}

function panelOptions(result: GrowthResult): Plot.PlotOptions {
  const { counted, counts } = result;
  const series = measures.flatMap(({ key }) =>
    growthContenders.map(contender => ({
      contender,
      dash: dashes[key]!,
      points: counts.map(count => ({ count, us: pointOf(result, count, contender)[key] })),
    })),
  );
  return {
    width: panelWidth,
    height: panelHeight,
    marginLeft: 60,
    marginBottom: 42,
    // 0 is among the counts.
    x: {
      type: 'symlog',
      constant: Math.max(1, (counts.find(count => count > 0) ?? 1) / 2),
      ticks: counts,
      label: counted,
    },
    y: { type: 'log', label: 'µs', grid: true, tickFormat: (us: number) => us.toLocaleString('en') },
    marks: series.flatMap(({ contender, dash, points }) => [
      Plot.lineY(points, {
        x: 'count',
        y: 'us',
        stroke: colours[contender]!,
        strokeWidth: 2,
        strokeDasharray: dash,
      }),
      Plot.dot(points, { x: 'count', y: 'us', fill: colours[contender]!, r: 3 }),
    ]),
  };
}

function legend(): string {
  const entries = growthContenders.flatMap(contender =>
    measures.map(({ key, name }) => ({ contender, key, name })),
  );
  return entries
    .map(({ contender, key, name }, i) => {
      const [x, y] = [60 + (i % 2) * panelWidth, 20 + Math.floor(i / 2) * 22];
      const line = `<line x1="${x}" x2="${x + 30}" y1="${y}" y2="${y}" stroke="${colours[contender]}" stroke-width="2" stroke-dasharray="${dashes[key]}"/>`;
      return `${line}<text x="${x + 38}" y="${y + 4}">${contender}: ${name}</text>`;
    })
    .join('\n');
}

/** The ends of its lines, in words. */
function describe(result: GrowthResult): string {
  const [first, last] = [result.counts[0]!, result.counts[result.counts.length - 1]!];
  const shown = (value: number) => Math.round(value).toLocaleString('en');
  const spans = growthContenders.map(contender => {
    const [from, to] = [pointOf(result, first, contender), pointOf(result, last, contender)];
    return `${contender} ${shown(from.exitUs)} to ${shown(to.exitUs)} µs`;
  });
  return `From ${shown(first)} to ${shown(last)} ${result.counted}: spawn to exit takes ${spans.join(', ')}.`;
}
