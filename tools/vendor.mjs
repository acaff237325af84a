/* Build static/vendor from node_modules (npm ci && npm run vendor). Maintainers only; the results are committed. */
import { build } from 'esbuild';
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';

const FOLDER = 'static/vendor';
const PARTS = [
  { file: 'qr-decode.js', code: "export { decodeQR } from 'qr/decode.js';" },
  { file: 'qr-encode.js', code: "export { encodeQR } from 'qr';" },
];
const read = (path) => readFileSync(path, 'utf8');
const qr = JSON.parse(read('node_modules/qr/package.json'));
const licence = read('node_modules/qr/LICENSE-MIT').trim();

mkdirSync(FOLDER, { recursive: true });
const files = {};
for (const { file, code } of PARTS) {
  const built = await build({
    stdin: { contents: code, resolveDir: process.cwd() },
    bundle: true, minify: true, format: 'esm', target: 'es2017', write: false, charset: 'utf8', legalComments: 'none',
    banner: { js: `/*! ${qr.name} ${qr.version}, Copyright (c) 2023 Paul Miller, MIT OR Apache-2.0, see manifest.json */` },
  });
  const bytes = built.outputFiles[0].contents;
  writeFileSync(`${FOLDER}/${file}`, bytes);
  const digest = createHash('sha384').update(bytes).digest('base64');
  files[file] = { package: qr.name, version: qr.version, bytes: bytes.length, sha384: `sha384-${digest}` };
}
const manifest = { files, licences: { [qr.name]: { spdx: qr.license, home: qr.homepage || '', text: licence } } };
writeFileSync(`${FOLDER}/manifest.json`, `${JSON.stringify(manifest, null, 2)}\n`);
console.log(files);
