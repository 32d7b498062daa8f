import type {Tensor2D} from '@tensorflow/tfjs';
import {ZooError, open} from 'test-zoo';
import type {ModelName, SelftestReport, Tensors, Variant} from 'test-zoo';

const names: ModelName[] = ['dense', 'echo.v2'];
const variant: Variant<'dense'> = 'float32';

async function main(): Promise<string> {
  const zoo = await open(new URL('zoo/', location.href));
  const model = await zoo.load('dense', {
    variant,
    onProgress: ({loaded, total}) => console.log(loaded / total),
  });
  const {scores, logit} = await model.run(new Float32Array(8));
  const both: Tensor2D[] = [scores, logit];
  const again: Tensors<'dense'>['scores'] = scores;
  both.forEach((tensor) => tensor.dispose());
  const arrays = await model.run({x: [[1, 2, 3, 4, 5, 6, 7, 8]]}, {as: 'arrays'});
  const row: number[] = arrays.scores[0];
  const report: SelftestReport = await zoo.selftest('dense', {backends: ['cpu']});
  const licence: string | null = zoo.entry('dense').license;
  model.dispose();
  return `${report.status} ${row.length} ${licence} ${again.shape} ${names.length}`;
}

export async function refused(): Promise<void> {
  const zoo = await open('zoo/');
  // @ts-expect-error: no such model
  await zoo.load('dence');
  // @ts-expect-error: no such variant
  await zoo.load('dense', {variant: 'uint8'});
  const model = await zoo.load('dense');
  // @ts-expect-error: no such input
  await model.run({y: 1});
  // @ts-expect-error: no such result
  (await model.run(1)).boxes;
  // @ts-expect-error: of another rank
  const wrong: number[] = (await model.run(1, {as: 'arrays'})).scores;
  const words: string[] = (await (await zoo.load('echo.v2')).run('a', {as: 'arrays'})).words;
  console.log(wrong, words);
}

main().then((text) => {
  document.documentElement.dataset.result = text;
}, (error: unknown) => {
  const code = error instanceof ZooError ? error.code : '';
  document.documentElement.dataset.result = `${code} ${error}`;
});
