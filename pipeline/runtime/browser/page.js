// The page of one run: it loads TensorFlow.js, a model and test vectors from its own address, runs
// the model, and posts the outputs back as bytes.
'use strict';

const LOG_LINES = 200;
const lines = [];
for (const level of ['log', 'info', 'debug', 'warn', 'error']) {
  console[level] = (...words) => {
    if (lines.length < LOG_LINES) lines.push(words.map((word) => word?.stack || String(word)).join(' '));
  };
}

async function get(path) {
  const answer = await fetch(path);
  if (!answer.ok) throw new Error(`'${path}' cannot be read (${answer.status})`);
  return answer;
}

const getBytes = async (path) => new Uint8Array(await (await get(path)).arrayBuffer());
const post = (path, body) => fetch(path, {method: 'POST', body});

function addScript(path) {
  return new Promise((done, fail) => {
    const script = document.createElement('script');
    script.src = path;
    script.onload = done;
    script.onerror = () => fail(new Error(`'${path}' cannot be loaded`));
    document.head.append(script);
  });
}

// Files in a browser: what files.js is in Node.js.
async function makeFiles(chunks) {
  const described = await (await get('vectors/vectors.json')).json();
  const values = await getBytes(`vectors/${described.weightsManifest[0].paths[0]}`);
  return {
    openVectors: () => ({described, read: (start, end) => values.slice(start, end)}),
    openFile: () => ({
      append: (bytes) => chunks.push(bytes.slice()),
      restart: () => chunks.splice(0),
      close: () => {},
    }),
    readModel: async () => {
      const content = await (await get('model/model.json')).json();
      const paths = content.weightsManifest.flatMap((group) => group.paths);
      const shards = await Promise.all(paths.map((path) => getBytes(`model/${path}`)));
      return {content, weightData: await new Blob(shards).arrayBuffer()};
    },
  };
}

// Load a module of Node.js's programs after those that it requires, into `modules` by their paths.
async function loadModule(name, modules) {
  if (modules[name]) return modules[name];
  const source = await (await get(`scripts/${name}`)).text();
  const resolve = (path) => new URL(path, `file:///${name}`).pathname.slice(1);
  for (const [, path] of source.matchAll(/ = require\('(.+)'\);$/gm)) {
    await loadModule(resolve(path), modules);
  }
  modules[name] = {};
  new Function('require', 'exports', source)((path) => modules[resolve(path)], modules[name]);
  return modules[name];
}

// Make a backend the current backend; return the reason why the browser cannot, or null.
async function useBackend(tf, backend) {
  if (backend === 'webgpu') {
    if (!await navigator.gpu?.requestAdapter()) return 'this browser has no WebGPU';
    await addScript('packages/tf-backend-webgpu.min.js');
  }
  if (!await tf.setBackend(backend)) return `this browser does not start ${backend}: ${lines.at(-1)}`;
  if (backend === 'webgl') {
    const {gl} = tf.backend().getGPGPUContext();
    gl.canvas.addEventListener('webglcontextlost', () => lose('WebGL lost its context'));
    const info = gl.getExtension('WEBGL_debug_renderer_info');
    const bits = tf.env().getBool('WEBGL_RENDER_FLOAT32_ENABLED') ? 32 : 16;
    lines.push(`webgl: ${gl.getParameter(info.UNMASKED_RENDERER_WEBGL)}, float${bits} textures`);
  } else {
    const {device} = tf.backend();
    device.lost.then(({message}) => lose(`WebGPU lost its device: ${message}`));
    const {vendor, architecture, description} = device.adapterInfo ?? {};
    lines.push(`webgpu: ${[vendor, architecture, description].filter(Boolean).join(' ')}`);
  }
  return null;
}

// The backends whose kernels are registered beside those of the backend that runs.
async function registerOthers(backend) {
  if (backend === 'webgpu') return [];
  // An older release has no such file.
  const loaded = await addScript('packages/tf-backend-webgpu.min.js').then(() => true, () => false);
  return loaded ? ['webgpu'] : [];
}

let over = false;
async function lose(reason) {
  if (over) return;
  over = true;
  await post('log', lines.join('\n'));
  await post('lost', reason);
}

(async () => {
  const {backend} = await (await get('run.json')).json();
  await addScript('packages/tf.min.js');
  tf.env().set('PROD', true);
  const chunks = [];
  const modules = {'files.js': await makeFiles(chunks)};
  const {openOutputs, readVectors} = await loadModule('tensors.js', modules);
  const {execute} = await loadModule('run.js', modules);
  const unable = await useBackend(tf, backend);
  const others = await registerOthers(backend);
  const result = unable ? {unable} : await execute(
    // Node.js has shown that predict() agrees with the outputs by name.
    tf, {backend, others, predict: false}, readVectors(), openOutputs(), () => {});
  if (over) return;
  over = true;
  await post('outputs', new Blob(chunks));
  await post('log', lines.join('\n'));
  await post('result', JSON.stringify({...result, tfjs: tf.version.tfjs}));
})().catch((error) => lose(String(error)));
