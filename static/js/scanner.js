/* A camera that reads QR codes: the phone's own reader where it proves itself, else the vendored one, else a photo.
 *
 * startScanner(root) wires the markup of the macro ui.scanner and returns {start, stop, pause, resume, say}.
 * Each code found is a `scan` event on root with detail {text, via: 'camera' | 'photo'}; the texts it shows come
 * from data-text-* of root. The same code is told again only after it was out of sight for five seconds. */
import { decodeQR } from '../vendor/qr-decode.js';

const SIDE_PX = 640; // what a frame is scaled down to
const PHOTO_SIDES_PX = [1280, 800, 2048, 500]; // tried one after the other
const EVERY_MS = 100;
const SAME_CODE_MS = 5000;
const SELF_TEST_MS = 500;
const HINT_AFTER_MS = 12000;
const TEST_TEXT = 'TB';
const TEST_ROWS = '000000 3fbcfe 208882 2e8eba 2ebcba 2eaeba 20aa82 3faafe 002800 22ebf2 14238e 0aab14 317e52 35b4ee 002652 3fa4fc 2089ac 2ea38e 2e8b8e 2e9300 209e52 3fb4fe 000000'; // that text as a code, 23 bits a row

/* Draw the centre square of a picture, scaled down, and give its canvas. */
function square(canvas, source, width, height, side, whole) {
  const cut = whole ? Math.max(width, height) : Math.min(width, height);
  const size = Math.min(side, cut);
  const pen = canvas.getContext('2d', { willReadFrequently: true });
  canvas.width = size;
  canvas.height = size;
  pen.fillStyle = '#fff';
  pen.fillRect(0, 0, size, size);
  pen.imageSmoothingQuality = 'medium';
  const scale = size / cut;
  pen.drawImage(source, (size - width * scale) / 2, (size - height * scale) / 2, width * scale, height * scale);
  return canvas;
}

function readHere(canvas, limitMs) {
  const image = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
  try {
    return decodeQR(image, { timeLimit: limitMs });
  } catch (nothing) {
    return null;
  }
}

const after = (ms) => new Promise((resolve) => setTimeout(resolve, ms, null));

/* The native reader, only if it reads a known code in half a second: some phones have it without its engine. */
async function provenReader() {
  if (!('BarcodeDetector' in window)) return null;
  try {
    const reader = new window.BarcodeDetector({ formats: ['qr_code'] });
    const found = await Promise.race([reader.detect(drawTest()), after(SELF_TEST_MS)]);
    return found && found[0] && found[0].rawValue === TEST_TEXT ? reader : null;
  } catch (unusable) {
    return null;
  }
}

function drawTest() {
  const canvas = document.createElement('canvas');
  const pen = canvas.getContext('2d');
  const module = 6;
  canvas.width = canvas.height = 29 * module;
  pen.fillStyle = '#fff';
  pen.fillRect(0, 0, canvas.width, canvas.height);
  pen.fillStyle = '#000';
  TEST_ROWS.split(' ').forEach((row, y) => {
    for (let x = 0; x < 23; x += 1) {
      if ((parseInt(row, 16) >> (22 - x)) & 1) pen.fillRect((x + 3) * module, (y + 3) * module, module, module);
    }
  });
  return canvas;
}

/* Which of the translated texts explains why there is no picture. */
function trouble(error) {
  if (!window.isSecureContext) return 'insecure';
  if (!navigator.mediaDevices || !navigator.mediaDevices.getUserMedia) return 'missing';
  const name = error && error.name;
  if (name === 'NotAllowedError' || name === 'SecurityError') return 'denied';
  if (name === 'NotReadableError' || name === 'AbortError') return 'busy';
  return 'missing';
}

export function startScanner(root) {
  const part = (name) => root.querySelector('[data-scan-' + name + ']');
  const [video, view, open, close, torch, photo, message] = ['video', 'live', 'start', 'stop', 'torch', 'photo', 'message'].map(part);
  const canvas = document.createElement('canvas');
  const seen = new Map();
  let stream = null;
  let reader = null;
  let isProven = false;
  let isPaused = false;
  let wanted = false;
  let timer = 0;
  let lastHit = 0;

  const say = (key, text) => {
    message.textContent = text || (key ? root.getAttribute('data-text-' + key) || '' : '');
    message.hidden = !message.textContent;
  };

  function found(text, via) {
    const now = performance.now();
    const before = seen.get(text);
    seen.set(text, now);
    lastHit = now;
    if (via === 'camera' && before !== undefined && now - before < SAME_CODE_MS) return;
    say('');
    root.dispatchEvent(new CustomEvent('scan', { bubbles: true, detail: { text: text.trim(), via } }));
  }

  async function look() {
    clearTimeout(timer);
    if (!stream) return;
    const began = performance.now();
    if (!isPaused && video.readyState >= 2 && video.videoWidth) {
      square(canvas, video, video.videoWidth, video.videoHeight, SIDE_PX, false);
      let text = null;
      if (reader) {
        try {
          const codes = await reader.detect(canvas);
          text = codes[0] && codes[0].rawValue;
        } catch (broken) {
          reader = null;
        }
      } else {
        text = readHere(canvas, 60);
      }
      if (text) found(text, 'camera');
      else if (began - lastHit > HINT_AFTER_MS) {
        lastHit = began;
        say('hint');
      }
    }
    timer = setTimeout(look, Math.max(20, EVERY_MS - (performance.now() - began)));
  }

  function show(isLive) {
    view.hidden = !isLive;
    open.hidden = isLive;
  }

  function stop() {
    clearTimeout(timer);
    if (stream) stream.getTracks().forEach((track) => track.stop());
    stream = null;
    video.srcObject = null;
    show(false);
  }

  function offerTorch() {
    const track = stream.getVideoTracks()[0];
    const can = track.getCapabilities ? track.getCapabilities() : {};
    torch.hidden = !can.torch;
    torch.setAttribute('aria-pressed', 'false');
    torch.onclick = () => {
      const on = torch.getAttribute('aria-pressed') !== 'true';
      track.applyConstraints({ advanced: [{ torch: on }] }).then(() => torch.setAttribute('aria-pressed', String(on)), () => { torch.hidden = true; });
    };
  }

  async function start() {
    if (stream) return;
    wanted = true;
    say('starting');
    try {
      if (!window.isSecureContext) throw new Error('insecure');
      const opened = await navigator.mediaDevices.getUserMedia({ audio: false, video: { facingMode: 'environment', width: { ideal: 1280 } } });
      if (stream || !wanted) {
        opened.getTracks().forEach((track) => track.stop());
        return;
      }
      stream = opened;
      stream.getVideoTracks()[0].addEventListener('ended', stop);
      show(true);
      video.srcObject = stream;
      video.setAttribute('playsinline', '');
      video.muted = true;
      await video.play();
      if (!isProven) {
        reader = await provenReader();
        isProven = true;
      }
      root.dataset.reader = reader ? 'native' : 'qr';
      offerTorch();
      say('aim');
      lastHit = performance.now();
      look();
    } catch (error) {
      stop();
      wanted = false;
      say(trouble(error));
    }
  }

  async function readPhoto(file) {
    const address = URL.createObjectURL(file);
    const picture = new Image();
    say('reading');
    try {
      await new Promise((resolve, reject) => {
        picture.onload = resolve;
        picture.onerror = reject;
        picture.src = address;
      });
      let text = null;
      for (const side of PHOTO_SIDES_PX) {
        await after(0); // let the words above be painted
        text = readHere(square(canvas, picture, picture.naturalWidth, picture.naturalHeight, side, true), 400);
        if (text) break;
      }
      if (text) found(text, 'photo');
      else say('unread');
    } catch (broken) {
      say('unread');
    }
    URL.revokeObjectURL(address);
  }

  open.hidden = false;
  open.addEventListener('click', start);
  if (close) close.addEventListener('click', () => { wanted = false; stop(); say(''); });
  if (photo) {
    photo.hidden = false;
    const field = photo.querySelector('input');
    field.addEventListener('change', () => {
      if (field.files[0]) readPhoto(field.files[0]);
      field.value = '';
    });
  }
  const again = () => {
    if (document.visibilityState === 'visible' && wanted && !stream) start();
  };
  document.addEventListener('visibilitychange', () => (document.visibilityState === 'hidden' ? stop() : again()));
  window.addEventListener('pagehide', stop);
  window.addEventListener('pageshow', again);
  return { start, stop, say, pause: () => { isPaused = true; }, resume: () => { isPaused = false; } };
}
