/* The rotating code on the coordinator's screen: fetched ten minutes ahead, shown by the page's own clock, also offline. */
import { encodeQR } from '../vendor/qr-encode.js';

const REFILL_AT = 20;
const RETRY_MS = [3000, 6000, 12000, 30000];
const COUNT_EVERY_MS = 15000;
const TICK_MS = 250;
const QUIET_ZONE = 4;
const DRIFT_MS = 2000; // the two clocks disagree by more: the device slept or its time was set

function begin(root) {
  const part = (name) => root.querySelector('[data-screen-' + name + ']');
  const [canvas, digits, ring, left, state, full, spent, card] = ['qr', 'six', 'ring', 'left', 'state', 'full', 'spent', 'card'].map(part);
  const text = (key) => root.getAttribute('data-text-' + key) || '';
  const around = 2 * Math.PI * Number(ring.getAttribute('r'));
  let codes = [];
  let shown = null;
  let failures = 0;
  let isFetching = false;
  let nextTry = 0;
  let zero = { steady: performance.now(), wall: Date.now() };

  ring.setAttribute('stroke-dasharray', String(around));

  /* Milliseconds since the server's answer; the wall clock counts the sleep that the steady one may miss. */
  const steady = () => performance.now() - zero.steady;
  const drift = () => Date.now() - zero.wall - steady();
  const elapsed = () => steady() + (drift() > DRIFT_MS ? drift() : 0);

  async function refill() {
    if (isFetching) return;
    isFetching = true;
    const asked = performance.now();
    try {
      const response = await fetch(root.dataset.codesUrl, { credentials: 'same-origin', headers: { Accept: 'application/json' }, cache: 'no-store' });
      if (!response.ok) throw new Error(String(response.status));
      const answer = await response.json();
      const halfWay = (performance.now() - asked) / 2;
      zero = { steady: performance.now() - halfWay, wall: Date.now() - halfWay };
      codes = answer.codes.map((code) => ({ url: code.url, six: String(code.six), from: code.offset_ms, to: code.offset_ms + answer.step_s * 1000 }));
      failures = 0;
      nextTry = 0;
    } catch (offline) {
      nextTry = performance.now() + RETRY_MS[Math.min(failures, RETRY_MS.length - 1)];
      failures += 1;
    }
    isFetching = false;
    tick();
  }

  function draw(code) {
    const rows = encodeQR(code.url, 'raw', { ecc: 'medium', border: QUIET_ZONE });
    const scale = Math.max(4, Math.ceil(720 / rows.length));
    const pen = canvas.getContext('2d');
    canvas.width = canvas.height = rows.length * scale;
    pen.fillStyle = '#fff';
    pen.fillRect(0, 0, canvas.width, canvas.height);
    pen.fillStyle = '#000';
    rows.forEach((row, y) => row.forEach((dark, x) => dark && pen.fillRect(x * scale, y * scale, scale, scale)));
    digits.textContent = code.six.slice(0, 3) + ' ' + code.six.slice(3);
    canvas.dataset.url = code.url;
  }

  function sayState(now) {
    const last = codes[codes.length - 1];
    const isLate = failures > 0;
    const until = last ? new Date(Date.now() + last.to - now).toTimeString().slice(0, 5) : '';
    state.textContent = isLate && shown ? text('until').replace('{time}', until) : isLate ? text('offline') : '';
    state.parentElement.hidden = !state.textContent;
  }

  function tick() {
    const now = elapsed();
    const current = codes.find((code) => code.from <= now && now < code.to) || null;
    const waiting = codes.filter((code) => code.to > now).length;
    if (current !== shown) {
      shown = current;
      if (current) draw(current);
      card.hidden = !current;
      spent.hidden = Boolean(current) || (!codes.length && !failures);
    }
    if (current) {
      const share = (current.to - now) / (current.to - current.from);
      ring.setAttribute('stroke-dashoffset', String(around * (1 - share)));
      left.textContent = String(Math.ceil((current.to - now) / 1000));
    }
    if ((waiting <= REFILL_AT || Math.abs(drift()) > DRIFT_MS) && performance.now() >= nextTry) refill();
    sayState(now);
  }

  async function count() {
    if (document.visibilityState !== 'visible') return;
    try {
      const response = await fetch(root.dataset.countUrl, { credentials: 'same-origin', headers: { Accept: 'application/json' } });
      if (!response.ok) return;
      const answer = await response.json();
      root.querySelectorAll('[data-count-of]').forEach((place) => {
        const value = answer[place.dataset.countOf];
        if (value !== undefined && place.textContent !== String(value)) place.textContent = String(value);
      });
    } catch (offline) { /* the figure of before stays */ }
  }

  let lock = null;
  async function stayAwake() {
    if (!navigator.wakeLock || document.visibilityState !== 'visible') return;
    try {
      lock = await navigator.wakeLock.request('screen');
    } catch (refused) {
      lock = null;
    }
  }

  function back() {
    if (document.visibilityState !== 'visible') return;
    nextTry = 0;
    refill();
    count();
    stayAwake();
  }

  const open = root.requestFullscreen || root.webkitRequestFullscreen;
  if (full && open) {
    full.hidden = false;
    full.addEventListener('click', () => {
      if (document.fullscreenElement || document.webkitFullscreenElement) (document.exitFullscreen || document.webkitExitFullscreen).call(document);
      else open.call(root);
    });
  }
  document.addEventListener('visibilitychange', back);
  window.addEventListener('pageshow', (event) => event.persisted && back());
  window.addEventListener('online', back);
  setInterval(tick, TICK_MS);
  if (root.dataset.countUrl) {
    setInterval(count, COUNT_EVERY_MS);
    count();
  }
  refill();
  stayAwake();
}

document.querySelectorAll('[data-code-screen]').forEach(begin);
